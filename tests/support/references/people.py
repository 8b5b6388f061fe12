"""A company, its people, and what else all other generated records refer to."""

from dataclasses import dataclass

from tests.support.references.kinds import Kind
from tests.support.references.maker import Maker


@dataclass(frozen=True)
class People:
    """The ids of records that are new. `name` is one that nobody else has."""

    name: str
    company: int
    partner: int
    user: int
    account: int
    project: int
    task: int
    order: int


def make_people(maker: Maker) -> People:
    """Makes them."""
    partner = _partner(maker, "Generated company")
    name = f"generated {partner:x}"
    company = maker.make("res_company", Kind.FOREIGN_KEY, name=name, partner_id=partner, parent_id=None)
    maker.change("res_company", company, parent_path=f"{company}/")
    person = _partner(maker, name)
    user = maker.make(
        "res_users", Kind.DELEGATION, login=name, partner_id=person, company_id=company, oauth_uid=None, action_id=None
    )
    maker.link("res_company_users_rel", cid=company, user_id=user)
    account = maker.make(
        "account_account",
        Kind.FOREIGN_KEY,
        code=f"G{partner:x}",
        company_id=company,
        code_store={str(company): f"G{partner:x}"},
        name=name,
    )
    if maker.has("account_account", "code_store"):
        maker.remember("account_account", account, Kind.COMPANY_KEY)
        maker.link("account_account_res_company_rel", account_account_id=account, res_company_id=company)
    model = maker.value("SELECT id FROM ir_model WHERE model = 'project.task'")
    alias = maker.make("mail_alias", alias_name=None, alias_model_id=model, alias_full_name=None)
    project = maker.make("project_project", Kind.DELEGATION, name=name, alias_id=alias, company_id=company)
    task = maker.make(
        "project_task", Kind.FOREIGN_KEY, name=name, project_id=project, company_id=company, parent_id=None
    )
    order = maker.make(
        "sale_order", Kind.FOREIGN_KEY, name=name, partner_id=person, company_id=company, access_token=None
    )
    return People(name, company, person, user, account, project, task, order)


def _partner(maker: Maker, name: str) -> int:
    """A partner that nobody recognises as another one."""
    values = dict.fromkeys(("ref", "vat", "barcode", "email", "parent_id", "signup_token"))
    partner = maker.make("res_partner", name=name, **values)
    maker.change("res_partner", partner, commercial_partner_id=partner)
    return partner
