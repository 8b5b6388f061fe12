-- A small shop in the shape of an Odoo 18 database: thirteen tables, written for the demo and the tests of ucrepl.
--
-- What it has in common with the real thing, because that is what makes replication hard:
--   * serial ids, so that two databases hand out the same ids for different records;
--   * foreign keys that are not deferrable, named <table>_<column>_fkey, with Odoo's ON DELETE actions;
--   * a circle of three tables (res_partner, res_company, res_users) and four tables that refer to themselves;
--   * create_uid, create_date, write_uid, write_date on every record, none on the many2many table;
--   * names that are translated (jsonb by language), amounts of exact decimals, timestamps without time zone;
--   * mail_message and ir_model_data, which refer to any record by the name of its model and its id.

create table res_country (
    id serial primary key,
    name jsonb not null,
    code varchar(2) not null,
    phone_code integer,
    create_uid integer,
    create_date timestamp,
    write_uid integer,
    write_date timestamp,
    constraint res_country_code_uniq unique (code)
);

create table res_company (
    id serial primary key,
    name varchar not null,
    partner_id integer not null,
    parent_id integer,
    sequence integer,
    email varchar,
    create_uid integer,
    create_date timestamp,
    write_uid integer,
    write_date timestamp,
    constraint res_company_name_uniq unique (name)
);

create table res_users (
    id serial primary key,
    login varchar not null,
    active boolean default true,
    company_id integer not null,
    partner_id integer not null,
    signature text,
    share boolean,
    create_uid integer,
    create_date timestamp,
    write_uid integer,
    write_date timestamp,
    constraint res_users_login_key unique (login)
);

create table res_partner (
    id serial primary key,
    name varchar,
    company_id integer,
    parent_id integer,
    commercial_partner_id integer,
    user_id integer,
    country_id integer,
    type varchar,
    is_company boolean,
    active boolean default true,
    ref varchar,
    vat varchar,
    lang varchar,
    tz varchar,
    street varchar,
    zip varchar,
    city varchar,
    email varchar,
    phone varchar,
    website varchar,
    comment text,
    credit_limit double precision,
    color integer,
    create_uid integer,
    create_date timestamp,
    write_uid integer,
    write_date timestamp,
    constraint res_partner_check_name check (
        (type = 'contact' and name is not null) or type <> 'contact'
    )
);
create index res_partner_name_index on res_partner (name);
create index res_partner_parent_id_index on res_partner (parent_id);
create index res_partner_vat_index on res_partner (vat);

create table res_partner_category (
    id serial primary key,
    name jsonb not null,
    parent_id integer,
    active boolean default true,
    color integer,
    create_uid integer,
    create_date timestamp,
    write_uid integer,
    write_date timestamp
);

create table res_partner_res_partner_category_rel (
    partner_id integer not null,
    category_id integer not null,
    primary key (partner_id, category_id)
);
create index on res_partner_res_partner_category_rel (category_id, partner_id);

create table product_template (
    id serial primary key,
    name jsonb not null,
    type varchar not null,
    list_price numeric,
    company_id integer,
    sale_ok boolean default true,
    active boolean default true,
    description_sale jsonb,
    create_uid integer,
    create_date timestamp,
    write_uid integer,
    write_date timestamp
);

create table product_product (
    id serial primary key,
    product_tmpl_id integer not null,
    default_code varchar,
    barcode varchar,
    weight numeric,
    active boolean default true,
    create_uid integer,
    create_date timestamp,
    write_uid integer,
    write_date timestamp
);
create index product_product_product_tmpl_id_index on product_product (product_tmpl_id);

create table sale_order (
    id serial primary key,
    name varchar not null,
    state varchar,
    date_order timestamp not null,
    partner_id integer not null,
    partner_invoice_id integer not null,
    company_id integer not null,
    user_id integer,
    client_order_ref varchar,
    note text,
    amount_total numeric,
    create_uid integer,
    create_date timestamp,
    write_uid integer,
    write_date timestamp,
    constraint sale_order_date_order_conditional_required check (
        state <> 'sale' or date_order is not null
    )
);
create index sale_order_partner_id_index on sale_order (partner_id);

create table sale_order_line (
    id serial primary key,
    order_id integer not null,
    sequence integer,
    product_id integer,
    name text not null,
    product_uom_qty numeric not null,
    price_unit numeric not null,
    discount numeric,
    price_subtotal numeric,
    linked_line_id integer,
    create_uid integer,
    create_date timestamp,
    write_uid integer,
    write_date timestamp
);
create index sale_order_line_order_id_index on sale_order_line (order_id);

create table mail_message (
    id serial primary key,
    model varchar,
    res_id integer,
    parent_id integer,
    author_id integer,
    message_type varchar not null,
    subject varchar,
    body text,
    date timestamp,
    create_uid integer,
    create_date timestamp,
    write_uid integer,
    write_date timestamp
);
create index mail_message_model_res_id_idx on mail_message (model, res_id);

create table ir_model (
    id serial primary key,
    model varchar not null,
    name jsonb not null,
    state varchar,
    create_uid integer,
    create_date timestamp,
    write_uid integer,
    write_date timestamp,
    constraint ir_model_obj_name_uniq unique (model)
);

create table ir_model_data (
    id serial primary key,
    module varchar not null,
    name varchar not null,
    model varchar not null,
    res_id integer,
    noupdate boolean default false,
    create_uid integer,
    create_date timestamp,
    write_uid integer,
    write_date timestamp
);
create unique index ir_model_data_module_name_uniq_index on ir_model_data (module, name);
create index ir_model_data_model_res_id_index on ir_model_data (model, res_id);

alter table res_company
    add constraint res_company_partner_id_fkey foreign key (partner_id) references res_partner on delete restrict,
    add constraint res_company_parent_id_fkey foreign key (parent_id) references res_company on delete set null;

alter table res_users
    add constraint res_users_company_id_fkey foreign key (company_id) references res_company on delete restrict,
    add constraint res_users_partner_id_fkey foreign key (partner_id) references res_partner on delete restrict;

alter table res_partner
    add constraint res_partner_company_id_fkey foreign key (company_id) references res_company on delete set null,
    add constraint res_partner_parent_id_fkey foreign key (parent_id) references res_partner on delete set null,
    add constraint res_partner_commercial_partner_id_fkey
        foreign key (commercial_partner_id) references res_partner on delete set null,
    add constraint res_partner_user_id_fkey foreign key (user_id) references res_users on delete set null,
    add constraint res_partner_country_id_fkey foreign key (country_id) references res_country on delete restrict;

alter table res_partner_category
    add constraint res_partner_category_parent_id_fkey
        foreign key (parent_id) references res_partner_category on delete cascade;

alter table res_partner_res_partner_category_rel
    add constraint res_partner_res_partner_category_rel_partner_id_fkey
        foreign key (partner_id) references res_partner on delete cascade,
    add constraint res_partner_res_partner_category_rel_category_id_fkey
        foreign key (category_id) references res_partner_category on delete cascade;

alter table product_template
    add constraint product_template_company_id_fkey foreign key (company_id) references res_company on delete set null;

alter table product_product
    add constraint product_product_product_tmpl_id_fkey
        foreign key (product_tmpl_id) references product_template on delete cascade;

alter table sale_order
    add constraint sale_order_partner_id_fkey foreign key (partner_id) references res_partner on delete restrict,
    add constraint sale_order_partner_invoice_id_fkey
        foreign key (partner_invoice_id) references res_partner on delete restrict,
    add constraint sale_order_company_id_fkey foreign key (company_id) references res_company on delete restrict,
    add constraint sale_order_user_id_fkey foreign key (user_id) references res_users on delete set null;

alter table sale_order_line
    add constraint sale_order_line_order_id_fkey foreign key (order_id) references sale_order on delete cascade,
    add constraint sale_order_line_product_id_fkey foreign key (product_id) references product_product on delete restrict,
    add constraint sale_order_line_linked_line_id_fkey
        foreign key (linked_line_id) references sale_order_line on delete cascade;

alter table mail_message
    add constraint mail_message_parent_id_fkey foreign key (parent_id) references mail_message on delete set null,
    add constraint mail_message_author_id_fkey foreign key (author_id) references res_partner on delete set null;

do $$
declare
    child text;
    stamp text;
begin
    foreach child in array array[
        'res_country', 'res_company', 'res_users', 'res_partner', 'res_partner_category', 'product_template',
        'product_product', 'sale_order', 'sale_order_line', 'mail_message', 'ir_model', 'ir_model_data'
    ] loop
        foreach stamp in array array['create_uid', 'write_uid'] loop
            execute format('alter table %I add constraint %I foreign key (%I) references res_users on delete set null',
                           child, child || '_' || stamp || '_fkey', stamp);
        end loop;
    end loop;
end $$;
