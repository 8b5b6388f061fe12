"""Generated products with variants."""

from tests.support.references.kinds import Kind
from tests.support.references.maker import Maker


def make(maker: Maker) -> None:
    """Makes a template with two attributes and a variant of both."""
    template = maker.make("product_template", name="Generated")
    values = []
    for number in range(2):
        name = f"Generated {template:x} {number}"
        attribute = maker.make("product_attribute", name=name)
        value = maker.make("product_attribute_value", name=name, attribute_id=attribute)
        line = maker.make("product_template_attribute_line", product_tmpl_id=template, attribute_id=attribute)
        values.append(
            maker.make(
                "product_template_attribute_value",
                product_attribute_value_id=value,
                attribute_line_id=line,
                product_tmpl_id=template,
                attribute_id=attribute,
            )
        )
    product = maker.make(
        "product_product",
        Kind.DELEGATION,
        Kind.COMBINATION,
        product_tmpl_id=template,
        barcode=None,
        default_code=None,
        combination_indices=",".join(map(str, sorted(values))),
    )
    for value in values:
        maker.link("product_variant_combination", product_product_id=product, product_template_attribute_value_id=value)
