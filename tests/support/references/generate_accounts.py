"""Generated accounting: analytic accounts and lines, moves that are reconciled, statements."""

from tests.support.references.kinds import Kind
from tests.support.references.maker import Maker
from tests.support.references.people import People


def make(maker: Maker, people: People, plan: int | None) -> None:
    """Makes them."""
    _external_id(maker, people)
    if plan:
        _analytic(maker, people, plan)
    _reconciled(maker, people)
    if maker.has("account_bank_statement_line", "internal_index"):
        _statement(maker, people)


def _external_id(maker: Maker, people: People) -> None:
    maker.make(
        "ir_model_data",
        Kind.EXTERNAL_ID,
        Kind.MODEL_AND_ID,
        module="account" if maker.has("account_account", "code_store") else "l10n_generic_coa",
        name=f"{people.company}_generated",
        model="account.account",
        res_id=people.account,
    )


def _analytic(maker: Maker, people: People, plan: int) -> None:
    """Analytic accounts of two plans, a line on one of them, and distributions over both."""
    one, two = (
        maker.make("account_analytic_account", name=people.name, plan_id=p, root_plan_id=p, company_id=None)
        for p in (plan, 1)
    )
    maker.make(
        "account_analytic_line",
        Kind.PLAN_COLUMN,
        name=people.name,
        company_id=people.company,
        date="2026-11-20",
        amount=10,
        account_id=two,
        **{f"x_plan{plan}_id": one},
    )
    maker.change("project_project", people.project, Kind.PLAN_COLUMN, **{f"x_plan{plan}_id": one})
    maker.make(
        "sale_order_line",
        Kind.ANALYTIC,
        order_id=people.order,
        name=people.name,
        analytic_distribution={f"{one},{two}": 60.0, str(two): 40.0},
    )
    maker.make(
        "account_analytic_distribution_model", Kind.ANALYTIC, analytic_distribution={str(one): 100.0}, sequence=10
    )


def _reconciled(maker: Maker, people: People) -> None:
    """Two lines that are fully reconciled, and two that are in part."""
    move = _move(maker, people)
    lines = [
        maker.make(
            "account_move_line",
            Kind.FOREIGN_KEY,
            move_id=move,
            name=people.name,
            full_reconcile_id=None,
            statement_line_id=None,
            payment_id=None,
        )
        for _ in range(4)
    ]
    partials = [
        maker.make(
            "account_partial_reconcile",
            Kind.FOREIGN_KEY,
            debit_move_id=debit,
            credit_move_id=credit,
            amount=1,
            debit_amount_currency=1,
            credit_amount_currency=1,
            company_id=people.company,
        )
        for debit, credit in (lines[:2], lines[2:])
    ]
    full = maker.make("account_full_reconcile", Kind.FOREIGN_KEY, name=people.name)
    maker.change("account_partial_reconcile", partials[0], full_reconcile_id=full)
    by_id = maker.has("ir_embedded_actions")
    kinds = [Kind.MATCHING] if by_id else []
    for line in lines[:2]:
        number = str(full) if by_id else people.name
        maker.change("account_move_line", line, *kinds, full_reconcile_id=full, matching_number=number)
    for line in lines[2:]:
        maker.change("account_move_line", line, *kinds, matching_number=f"P{partials[1]}" if by_id else "P")


def _statement(maker: Maker, people: People) -> None:
    statement = maker.make("account_bank_statement", name=people.name, first_line_index=None)
    line = maker.make(
        "account_bank_statement_line",
        Kind.DELEGATION,
        move_id=_move(maker, people),
        statement_id=statement,
        payment_ref=people.name,
    )
    index = f"20261120{2147483646:010}{line:010}"
    maker.change("account_bank_statement_line", line, Kind.INTERNAL_INDEX, internal_index=index)
    maker.change("account_bank_statement", statement, Kind.INTERNAL_INDEX, first_line_index=index)


def _move(maker: Maker, people: People) -> int:
    """A draft."""
    nothing = dict.fromkeys(
        ("statement_line_id", "payment_id", "origin_payment_id", "access_token", "inalterable_hash", "sequence_prefix")
    )
    return maker.make("account_move", name="/", state="draft", partner_id=people.partner, **nothing)
