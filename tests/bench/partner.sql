-- A schema shaped like the middle of an Odoo database: a partner of 65 columns and what it refers to.
--
-- Partners refer to partners three times, and partner, user and company refer to each other in a circle.

CREATE EXTENSION pg_trgm;

CREATE TABLE res_country (
    id serial PRIMARY KEY,
    name varchar NOT NULL UNIQUE,
    code varchar(2) UNIQUE,
    phone_code integer
);

CREATE TABLE res_country_state (
    id serial PRIMARY KEY,
    country_id integer NOT NULL REFERENCES res_country ON DELETE RESTRICT,
    name varchar NOT NULL,
    code varchar NOT NULL,
    UNIQUE (country_id, code)
);

CREATE TABLE res_partner_title (
    id serial PRIMARY KEY,
    name varchar NOT NULL
);

CREATE TABLE res_partner_industry (
    id serial PRIMARY KEY,
    name varchar NOT NULL
);

CREATE TABLE crm_team (
    id serial PRIMARY KEY,
    name varchar NOT NULL
);

CREATE TABLE res_company (
    id serial PRIMARY KEY,
    name varchar NOT NULL UNIQUE,
    partner_id integer
);

CREATE TABLE res_users (
    id serial PRIMARY KEY,
    login varchar NOT NULL UNIQUE,
    partner_id integer,
    company_id integer NOT NULL REFERENCES res_company ON DELETE RESTRICT
);

CREATE TABLE res_partner (
    id serial PRIMARY KEY,
    company_id integer REFERENCES res_company ON DELETE SET NULL,
    create_date timestamp,
    create_uid integer REFERENCES res_users ON DELETE SET NULL,
    write_date timestamp,
    write_uid integer REFERENCES res_users ON DELETE SET NULL,
    name varchar,
    complete_name varchar,
    parent_id integer REFERENCES res_partner ON DELETE SET NULL,
    commercial_partner_id integer REFERENCES res_partner ON DELETE SET NULL,
    referrer_id integer REFERENCES res_partner ON DELETE SET NULL,
    title integer REFERENCES res_partner_title ON DELETE SET NULL,
    industry_id integer REFERENCES res_partner_industry ON DELETE SET NULL,
    user_id integer REFERENCES res_users ON DELETE SET NULL,
    team_id integer REFERENCES crm_team ON DELETE SET NULL,
    state_id integer REFERENCES res_country_state ON DELETE RESTRICT,
    country_id integer REFERENCES res_country ON DELETE RESTRICT,
    color integer,
    ref varchar,
    lang varchar,
    tz varchar,
    vat varchar,
    company_registry varchar,
    website varchar,
    function varchar,
    type varchar,
    street varchar,
    street2 varchar,
    zip varchar,
    city varchar,
    email varchar,
    email_normalized varchar,
    phone varchar,
    mobile varchar,
    phone_sanitized varchar,
    commercial_company_name varchar,
    company_name varchar,
    barcode jsonb,
    date date,
    comment text,
    partner_latitude numeric,
    partner_longitude numeric,
    active boolean,
    employee boolean,
    is_company boolean,
    partner_share boolean,
    message_bounce integer,
    signup_type varchar,
    calendar_last_notif_ack timestamp,
    supplier_rank integer,
    customer_rank integer,
    credit_limit jsonb,
    debit_limit numeric,
    property_payment_term_id jsonb,
    property_account_position_id jsonb,
    property_product_pricelist jsonb,
    trust jsonb,
    autopost_bills varchar NOT NULL,
    invoice_warn varchar,
    invoice_warn_msg text,
    picking_warn varchar,
    picking_warn_msg text,
    purchase_warn varchar,
    sale_warn varchar,
    sale_warn_msg text,
    CHECK ((type = 'contact' AND name IS NOT NULL) OR type <> 'contact')
);

ALTER TABLE res_company ADD FOREIGN KEY (partner_id) REFERENCES res_partner ON DELETE RESTRICT;
ALTER TABLE res_users ADD FOREIGN KEY (partner_id) REFERENCES res_partner ON DELETE RESTRICT;

-- The indexes of Odoo: few over all rows, many over the rows that have a value.
CREATE INDEX ON res_partner (name);
CREATE INDEX ON res_partner (complete_name);
CREATE INDEX ON res_partner (parent_id);
CREATE INDEX ON res_partner (commercial_partner_id);
CREATE INDEX ON res_partner (company_id);
CREATE INDEX ON res_partner (ref);
CREATE INDEX ON res_partner (vat);
CREATE INDEX ON res_partner (date);
CREATE INDEX ON res_partner (referrer_id) WHERE referrer_id IS NOT NULL;
CREATE INDEX ON res_partner (regexp_replace(phone, '[\s\\./\(\)\-]', '', 'g')) WHERE phone IS NOT NULL;
CREATE INDEX ON res_partner USING gin (regexp_replace(phone, '[\s\\./\(\)\-]', '', 'g') gin_trgm_ops) WHERE phone IS NOT NULL;
CREATE INDEX ON res_partner USING gin (regexp_replace(mobile, '[\s\\./\(\)\-]', '', 'g') gin_trgm_ops) WHERE mobile IS NOT NULL;
CREATE INDEX ON res_partner (regexp_replace(mobile, '[\s\\./\(\)\-]', '', 'g')) WHERE mobile IS NOT NULL;
CREATE INDEX ON res_partner ((barcode IS NOT NULL)) WHERE barcode IS NOT NULL;
CREATE INDEX ON res_partner ((credit_limit IS NOT NULL)) WHERE credit_limit IS NOT NULL;
CREATE INDEX ON res_partner ((property_payment_term_id IS NOT NULL)) WHERE property_payment_term_id IS NOT NULL;
CREATE INDEX ON res_partner ((property_account_position_id IS NOT NULL)) WHERE property_account_position_id IS NOT NULL;
CREATE INDEX ON res_partner ((property_product_pricelist IS NOT NULL)) WHERE property_product_pricelist IS NOT NULL;
CREATE INDEX ON res_partner ((trust IS NOT NULL)) WHERE trust IS NOT NULL;

-- Adds partners, companies with a contact each, and returns their number. Their columns are as full as
-- those of Odoo's demonstration data: about five of the twelve references.
CREATE FUNCTION add_partners(how_many integer, site text) RETURNS bigint LANGUAGE sql AS $$
    WITH numbered AS (
        SELECT n, n - n % 2 AS head, nextval('res_partner_id_seq')::integer AS id
        FROM generate_series(0, how_many - 1) AS n
    ),
    grouped AS (
        SELECT n, n = head AS is_company, id, min(id) OVER (PARTITION BY head) AS company
        FROM numbered
    ),
    written AS (
        INSERT INTO res_partner (
            id, company_id, create_date, create_uid, write_date, write_uid, name, complete_name, parent_id,
            commercial_partner_id, referrer_id, title, industry_id, user_id, team_id, state_id, country_id, color, ref,
            lang, tz, vat, website, function, type, street, street2, zip, city, email, email_normalized, phone, mobile,
            phone_sanitized, commercial_company_name, barcode, date, comment, partner_latitude, partner_longitude,
            active, employee, is_company, partner_share, message_bounce, supplier_rank, customer_rank, credit_limit,
            debit_limit, property_payment_term_id, trust, autopost_bills, invoice_warn, picking_warn, purchase_warn, sale_warn
        )
        SELECT
            id,
            CASE WHEN n % 15 = 0 THEN 1 + n % 3 END,
            '2024-01-01'::timestamp + id * interval '1 minute',
            1 + n % 20,
            '2024-01-01'::timestamp + id * interval '1 minute',
            1 + n % 20,
            site || ' partner ' || id,
            CASE WHEN is_company THEN '' ELSE site || ' partner ' || company || ', ' END || site || ' partner ' || id,
            CASE WHEN NOT is_company THEN company END,
            company,
            CASE WHEN n % 20 = 7 THEN company END,
            CASE WHEN n % 50 = 1 THEN 1 + n % 5 END,
            CASE WHEN n % 20 = 5 THEN 1 + n % 20 END,
            CASE WHEN n % 20 = 10 THEN 1 + n % 20 END,
            CASE WHEN n % 50 = 8 THEN 1 + n % 5 END,
            CASE WHEN n % 10 < 6 THEN 1 + n % 1000 END,
            CASE WHEN n % 20 < 13 THEN 1 + n % 250 END,
            n % 11,
            CASE WHEN n % 3 = 0 THEN site || '/' || id END,
            CASE WHEN n % 3 = 0 THEN 'fr_FR' ELSE 'en_US' END,
            'Europe/Brussels',
            CASE WHEN is_company THEN upper(left(site, 2)) || lpad(id::text, 11, '0') END,
            'https://www.' || site || company || '.example.com',
            CASE WHEN NOT is_company THEN 'Sales Representative' END,
            'contact',
            id || ' Via Garibaldi',
            CASE WHEN n % 2 = 0 THEN 'Scala B, interno ' || n % 40 END,
            lpad((id % 90000)::text, 5, '0'),
            'Torino',
            'partner' || id || '@' || site || company || '.example.com',
            'partner' || id || '@' || site || company || '.example.com',
            CASE WHEN n % 3 < 2 THEN '+39 011 ' || lpad(id::text, 7, '0') END,
            CASE WHEN n % 10 = 0 THEN '+39 347 ' || lpad(id::text, 7, '0') END,
            CASE WHEN n % 3 < 2 THEN '+39011' || lpad(id::text, 7, '0') END,
            site || ' partner ' || company,
            CASE WHEN n % 20 = 0 THEN jsonb_build_object('1', site || id) END,
            CASE WHEN n % 5 = 4 THEN '2024-01-01'::date + id % 700 END,
            CASE WHEN n % 4 = 0 THEN '<p>Met at the fair of Bologna, wants to be called back in spring.</p>' END,
            44 + (id % 1000) / 1000.0,
            7 + (id % 1000) / 1000.0,
            true,
            false,
            is_company,
            true,
            0,
            n % 2,
            1,
            CASE WHEN n % 7 = 0 THEN jsonb_build_object('1', 1000.5) END,
            0,
            CASE WHEN n % 10 = 0 THEN '{"1": 3}'::jsonb END,
            '{"1": "normal"}'::jsonb,
            'ask',
            'no-message',
            'no-message',
            'no-message',
            'no-message'
        FROM grouped
        ORDER BY id
        RETURNING 1
    )
    SELECT count(*) FROM written
$$;

INSERT INTO res_country (name, code, phone_code)
SELECT 'Country ' || n, chr(65 + n / 26) || chr(65 + n % 26), n FROM generate_series(1, 250) AS n;
INSERT INTO res_country_state (country_id, name, code)
SELECT 1 + n % 250, 'State ' || n, 'S' || n FROM generate_series(1, 1000) AS n;
INSERT INTO res_partner_title (name) SELECT 'Title ' || n FROM generate_series(1, 5) AS n;
INSERT INTO res_partner_industry (name) SELECT 'Industry ' || n FROM generate_series(1, 20) AS n;
INSERT INTO crm_team (name) SELECT 'Team ' || n FROM generate_series(1, 5) AS n;
INSERT INTO res_company (name) SELECT 'Company ' || n FROM generate_series(1, 3) AS n;
INSERT INTO res_users (login, company_id) SELECT 'user' || n, 1 + n % 3 FROM generate_series(1, 20) AS n;
SELECT add_partners(2000, 'base');
UPDATE res_company SET partner_id = id;
UPDATE res_users SET partner_id = 100 + id;
