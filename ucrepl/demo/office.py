"""What people do at a site all day: small transactions, each told in a few words.

The two sites work on the same records, but not on the same columns of the same record at the same time: the one
conflict of the demo is made on purpose.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from ucrepl.demo.orm import Orm, Value
from ucrepl.demo.scene import MILAN, TURIN

_TRADES: Final = ("Libreria", "Trattoria", "Falegnameria", "Sartoria", "Cantina", "Pasticceria", "Studio", "Farmacia")
_GOODS: Final = ((1, "Oak table", 690.0), (3, "Bench", 240.5), (4, "Desk lamp", 89.9), (5, "Shelf", 129.0))


@dataclass(frozen=True, slots=True)
class Staff:
    """Who works at a site: the ids of the base data, and the names of the customers nearby."""

    city: str
    user: int
    partner: int
    company: int
    families: tuple[str, ...]


STAFF: Final = {
    TURIN: Staff("Torino", 2, 4, 1, ("Ferrero", "Giordano", "Pautasso", "Bosio", "Cravero")),
    MILAN: Staff("Milano", 3, 5, 2, ("Brambilla", "Fumagalli", "Cattaneo", "Sala", "Villa", "Riva", "Colnaghi")),
}


class Customer(NamedTuple):
    """A customer that has just been taken on."""

    id: int
    name: str
    ref: str


def first_customer(site: str) -> str:
    """The reference of the first customer that a site takes on."""
    return _reference(site, 1)


def _reference(site: str, number: int) -> str:
    return f"{site}-{number:04}"


class Office:
    """One site. Each method is one transaction; it gives what it did, in a few words."""

    orm: Orm

    def __init__(self, site: str) -> None:
        self._site, self._staff = site, STAFF[site]
        self._other = TURIN if site == MILAN else MILAN
        self._customers = count(1)
        self._numbers = count(1)

    def open(self, connection: Connection[TupleRow]) -> None:
        """Work through this connection from now on."""
        self.orm = Orm(connection, self._staff.user)

    @property
    def day(self) -> Sequence[Callable[[], str]]:
        """The transactions of a day, in an order in which each finds what it needs."""
        return (
            self.take_on_a_customer,
            self.confirm,
            self.move,
            self.sell_to_a_customer_of_the_other_site,
            self.quote,
            self.change_the_quote,
            self.drop_the_quote,
            self.answer_the_other_site,
            self.tag,
        )

    def new_customer(self) -> Customer:
        """A customer as the form of Odoo creates it."""
        number, staff = next(self._customers), self._staff
        name = f"{_TRADES[number % len(_TRADES)]} {staff.families[number % len(staff.families)]}"
        ref = _reference(self._site, number)
        partner = self.orm.create(
            "res_partner",
            name=name,
            ref=ref,
            type="contact",
            is_company=True,
            active=True,
            company_id=staff.company,
            user_id=staff.user,
            country_id=1,
            lang="it_IT",
            street=f"Via Roma {number}",
            city=staff.city,
            email=f"{ref}@shop.example",
            credit_limit=250.5 * number,
            comment=f"taken on in {self._site}",
        )
        self.orm.write("res_partner", partner, commercial_partner_id=partner)
        return Customer(partner, name, ref)

    def change_customer(self, ref: str, **values: Value) -> None:
        """Write something into a customer's form."""
        self.orm.write("res_partner", self.orm.search("res_partner", "ref = %s", ref), **values)

    def take_on_a_customer(self) -> str:
        """A customer with a contact, tags, an order of three lines and its messages, at once."""
        partner, name, _ref = self.new_customer()
        contact = self.orm.create(
            "res_partner",
            name=f"Office of {name}",
            type="contact",
            is_company=False,
            active=True,
            parent_id=partner,
            commercial_partner_id=partner,
            email=f"office-{self._site}-{partner}@shop.example",
        )
        self.orm.tag(partner, 3)
        self.orm.tag(partner, 5)
        order = self._order(contact, partner, 3)
        return f"{name}: a customer with order {order}"

    def confirm(self) -> str:
        """The newest order of this site is confirmed."""
        order = self.orm.search("sale_order", "state = 'draft' AND user_id = %s", self._staff.user)
        self.orm.write("sale_order", order, state="sale")
        self._say("sale.order", order, "<p>Quotation confirmed</p>")
        return f"order {order} confirmed"

    def move(self) -> str:
        """A customer of this site moves."""
        partner = self._own_customer()
        self.orm.write("res_partner", partner, street=f"Corso Italia {next(self._numbers)}", zip="10121")
        return f"customer {partner} moved"

    def sell_to_a_customer_of_the_other_site(self) -> str:
        """An order here for a record that was born there, or, before there is one, for one of both."""
        partner = self.orm.search("res_partner", "is_company AND (ref LIKE %s OR ref = 'C002')", f"{self._other}-%")
        return f"order {self._order(partner, partner, 2)} for customer {partner} of {self._other}"

    def quote(self) -> str:
        """A quotation of one line."""
        partner = self._own_customer()
        return f"order {self._order(partner, partner, 1)} quoted"

    def change_the_quote(self) -> str:
        """The quotation grows: a line changes, and a line that refers to it is added."""
        order = self.orm.search("sale_order", "state = 'draft' AND user_id = %s", self._staff.user)
        line = self.orm.search("sale_order_line", "order_id = %s", order)
        self.orm.write("sale_order_line", line, product_uom_qty=3, discount=10)
        self.orm.create(
            "sale_order_line",
            order_id=order,
            sequence=99,
            product_id=7,
            name="Assembly",
            product_uom_qty=1,
            price_unit=60,
            linked_line_id=line,
        )
        return f"order {order} changed"

    def drop_the_quote(self) -> str:
        """The quotation is deleted; its lines go by cascade."""
        order = self.orm.search("sale_order", "state = 'draft' AND user_id = %s", self._staff.user)
        self.orm.unlink("sale_order", order)
        return f"order {order} deleted"

    def answer_the_other_site(self) -> str:
        """A message about a confirmed order that may be of the other site, below the first one of that order."""
        order = self.orm.search("sale_order", "state = 'sale' AND user_id <> %s", self._staff.user)
        first = self.orm.search("mail_message", "model = 'sale.order' AND res_id = %s AND parent_id IS NULL", order)
        self._say("sale.order", order, f"<p>{self._staff.city} has it on stock.</p>", parent_id=first)
        return f"a message about order {order} of {self._other}"

    def tag(self) -> str:
        """A customer of this site changes its category."""
        partner = self._own_customer()
        self.orm.untag(partner, 3)
        self.orm.tag(partner, 2)
        return f"customer {partner} is gold now"

    def _own_customer(self) -> int:
        return self.orm.search("res_partner", "is_company AND ref LIKE %s", f"{self._site}-%")

    def _order(self, partner: int, invoice: int, lines: int) -> int:
        number = next(self._numbers)
        order = self.orm.create(
            "sale_order",
            name=f"{self._site[0].upper()}{number:05}",
            state="draft",
            date_order="2025-03-06 09:00:00",
            partner_id=partner,
            partner_invoice_id=invoice,
            company_id=self._staff.company,
            user_id=self._staff.user,
        )
        total = 0.0
        for sequence in range(1, lines + 1):
            product, name, price = _GOODS[(number + sequence) % len(_GOODS)]
            total += sequence * price
            self.orm.create(
                "sale_order_line",
                order_id=order,
                sequence=sequence,
                product_id=product,
                name=name,
                product_uom_qty=sequence,
                price_unit=price,
                price_subtotal=sequence * price,
            )
        self.orm.write("sale_order", order, amount_total=round(total, 2))
        self._say("sale.order", order, "<p>Quotation created</p>")
        return order

    def _say(self, model: str, record: int, body: str, *, parent_id: int | None = None) -> None:
        self.orm.create(
            "mail_message",
            model=model,
            res_id=record,
            parent_id=parent_id,
            author_id=self._staff.partner,
            message_type="comment",
            body=body,
        )
