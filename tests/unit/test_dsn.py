"""No password of a connection string is ever shown."""

import pytest

from ucrepl.dsn import redact, safe_dsn


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("host=h password=s3cret dbname=d", "host=h password=*** dbname=d"),
        ("host=h password = 's3cret word' dbname=d", "host=h password = *** dbname=d"),
        (r"password='s3cret \' word' dbname=d", "password=*** dbname=d"),
        (r"password=s3cret\ word dbname=d", "password=*** dbname=d"),
        ("PASSWORD=s3cret", "PASSWORD=***"),
        ("sslpassword=s3cret", "sslpassword=***"),
        ("PGPASSWORD=s3cret psql", "PGPASSWORD=*** psql"),
        ("postgresql://u:s3cret@h/d", "postgresql://u:***@h/d"),
        ("postgres://:s3cret@h:5432,h2/d", "postgres://:***@h:5432,h2/d"),
        ("postgresql://u:s3cret@odd@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u@h/d?password=s3cret&sslmode=require", "postgresql://u@h/d?password=***"),
        ("{'password': 's3cret', 'host': 'h'}", "{'password': ***, 'host': 'h'}"),
        ('{"password": "s3cret"}', '{"password": ***}'),
        ("ALTER ROLE x PASSWORD 's3''cret' LOGIN", "ALTER ROLE x PASSWORD *** LOGIN"),
        ("https://u:s3cret@h/xmlrpc", "https://u:***@h/xmlrpc"),
    ],
)
def test_redact_hides_passwords_and_nothing_else(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        'password authentication failed for user "odoo"',
        "fe_sendauth: no password supplied",
        "host=h passfile=/home/x/.pgpass dbname=d",
        "see https://www.postgresql.org:443/docs for more, or mail me@example.com",
        "turin->milan: 12 rows at 2024-05-01T10:00:00Z",
    ],
)
def test_redact_leaves_the_rest_alone(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("dbname=d host=h password=s3cret user=u port=5433", "host=h port=5433 dbname=d user=u"),
        ("postgresql://u:s3cret@h:5433/d?sslmode=require", "host=h port=5433 dbname=d user=u"),
        ("host=a,b dbname='my db'", "host=a,b dbname='my db'"),
        ("service=odoo", "service=odoo"),
        ("", ""),
        ("host=h password=s3 cret", ""),
    ],
)
def test_safe_dsn_shows_where_and_who(dsn: str, shown: str) -> None:
    assert safe_dsn(dsn) == shown
