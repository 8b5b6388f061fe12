-- The shop on the day on which the second site was cloned from the first: the base data of both databases.
-- No id is given: the serials count from 1, in the order of the rows, and stop at the same place on both sides.

insert into res_country (name, code, phone_code) values
    ('{"en_US": "Italy", "it_IT": "Italia"}', 'IT', 39),
    ('{"en_US": "France", "it_IT": "Francia"}', 'FR', 33),
    ('{"en_US": "Germany", "it_IT": "Germania"}', 'DE', 49),
    ('{"en_US": "Spain", "it_IT": "Spagna"}', 'ES', 34),
    ('{"en_US": "Austria"}', 'AT', 43),
    ('{"en_US": "Switzerland", "it_IT": "Svizzera"}', 'CH', 41);

-- the circle: partners first, without company and user; then companies, users, and the way back
insert into res_partner (name, type, is_company, country_id, ref, vat, lang, tz, street, zip, city, email, comment,
                         credit_limit) values
    ('Officine Aurora', 'contact', true, 1, null, 'IT01234560017', 'it_IT', 'Europe/Rome', 'Via Po 7', '10123', 'Torino', 'info@aurora.example', null, null),
    ('Aurora Milano', 'contact', true, 1, null, 'IT01234560025', 'it_IT', 'Europe/Rome', 'Via Brera 12', '20121', 'Milano', 'milano@aurora.example', null, null),
    ('OdooBot', 'contact', false, null, null, null, 'en_US', null, null, null, null, 'odoobot@aurora.example', null, null),
    ('Giulia Ferrero', 'contact', false, 1, null, null, 'it_IT', 'Europe/Rome', null, null, null, 'giulia@aurora.example', null, null),
    ('Marco Colombo', 'contact', false, 1, null, null, 'it_IT', 'Europe/Rome', null, null, null, 'marco@aurora.example', null, null),
    ('Vetreria Brunetti', 'contact', true, 1, 'C001', 'IT02345670018', 'it_IT', null, 'Corso Vercelli 3', '10152', 'Torino', 'ordini@brunetti.example', 'pays late', 5000),
    ('Atelier Dubois', 'contact', true, 2, 'C002', 'FR40303265045', 'fr_FR', null, 'Rue Mercière 21', '69002', 'Lyon', 'contact@dubois.example', null, 12000),
    ('Müller & Söhne', 'contact', true, 3, 'C003', 'DE136695976', 'de_DE', null, 'Lindenstraße 8', '80331', 'München', 'einkauf@mueller.example', 'never on Fridays', 8000.5),
    ('Ferreteria Soler', 'contact', true, 4, 'C004', null, 'es_ES', null, null, null, 'Barcelona', 'hola@soler.example', '', 0),
    ('Anna Müller', 'contact', false, 3, null, null, 'de_DE', null, null, null, 'München', 'anna@mueller.example', null, null),
    ('Luca Brunetti', 'contact', false, 1, null, null, 'it_IT', null, null, null, 'Torino', 'luca@brunetti.example', null, null),
    ('Warehouse', 'delivery', false, 1, null, null, null, null, 'Strada del Drosso 33', '10135', 'Torino', null, null, null);

insert into res_company (name, partner_id, parent_id, sequence, email) values
    ('Officine Aurora', 1, null, 10, 'info@aurora.example'),
    ('Aurora Milano', 2, 1, 20, 'milano@aurora.example');

insert into res_users (login, company_id, partner_id, active, signature, share) values
    ('__system__', 1, 3, false, null, false),
    ('giulia', 1, 4, true, '<p>Giulia</p>', false),
    ('marco', 2, 5, true, '<p>Marco</p>', false);

update res_partner set commercial_partner_id = id;
update res_partner set company_id = 1 where id in (1, 3, 4);
update res_partner set company_id = 2 where id in (2, 5);
update res_partner set parent_id = 8, commercial_partner_id = 8 where id = 10;
update res_partner set parent_id = 6, commercial_partner_id = 6 where id in (11, 12);
update res_partner set user_id = 2 where id in (6, 7);
update res_partner set user_id = 3 where id in (8, 9);

insert into res_partner_category (name, parent_id, color) values
    ('{"en_US": "Customers", "it_IT": "Clienti"}', null, 1),
    ('{"en_US": "Gold", "it_IT": "Oro"}', 1, 3),
    ('{"en_US": "Silver", "it_IT": "Argento"}', 1, 4),
    ('{"en_US": "Abroad", "it_IT": "Estero"}', null, 5),
    ('{"en_US": "Newsletter"}', null, 7);

insert into res_partner_res_partner_category_rel (partner_id, category_id) values
    (6, 2), (6, 5), (7, 3), (7, 4), (8, 2), (8, 4), (9, 3), (9, 4);

insert into product_template (name, type, list_price, company_id, description_sale) values
    ('{"en_US": "Oak table", "it_IT": "Tavolo di rovere"}', 'consu', 690.00, null, '{"en_US": "Solid oak, 180 x 90 cm"}'),
    ('{"en_US": "Bench", "it_IT": "Panca"}', 'consu', 240.50, null, null),
    ('{"en_US": "Desk lamp", "it_IT": "Lampada da tavolo"}', 'consu', 89.90, null, null),
    ('{"en_US": "Shelf", "it_IT": "Scaffale"}', 'consu', 129.00, null, null),
    ('{"en_US": "Delivery", "it_IT": "Consegna"}', 'service', 35.00, 1, null),
    ('{"en_US": "Assembly", "it_IT": "Montaggio"}', 'service', 60.00, null, null);

insert into product_product (product_tmpl_id, default_code, barcode, weight) values
    (1, 'TAB-180', '8001234500010', 42.5),
    (1, 'TAB-220', '8001234500027', 51.0),
    (2, 'BEN-01', '8001234500034', 18.25),
    (3, 'LAM-01', '8001234500041', 1.9),
    (4, 'SHE-01', '8001234500058', 12),
    (5, 'DELIVERY', null, null),
    (6, 'ASSEMBLY', null, null);

insert into sale_order (name, state, date_order, partner_id, partner_invoice_id, company_id, user_id, client_order_ref,
                        amount_total) values
    ('S00001', 'sale', '2025-03-03 09:12:44', 6, 6, 1, 2, 'PO-771', 1415.00),
    ('S00002', 'sale', '2025-03-04 14:03:10.25', 7, 7, 1, 2, null, 179.80),
    ('S00003', 'draft', '2025-03-05 08:40:00', 10, 8, 2, 3, 'mail of 4 March', 481.00),
    ('S00004', 'cancel', '2025-03-05 17:21:59', 9, 9, 2, 3, null, 129.00);

insert into sale_order_line (order_id, sequence, product_id, name, product_uom_qty, price_unit, discount,
                             price_subtotal, linked_line_id) values
    (1, 10, 1, 'Oak table', 2, 690.00, 0, 1380.00, null),
    (1, 20, 6, 'Delivery', 1, 35.00, 0, 35.00, 1),
    (2, 10, 4, 'Desk lamp', 2, 89.90, 0, 179.80, null),
    (3, 10, 3, 'Bench', 2, 240.50, 0, 481.00, null),
    (4, 10, 5, 'Shelf', 1, 129.00, 0, 129.00, null);

insert into mail_message (model, res_id, parent_id, author_id, message_type, subject, body, date) values
    ('sale.order', 1, null, 4, 'notification', null, '<p>Quotation created</p>', '2025-03-03 09:12:44'),
    ('sale.order', 1, 1, 11, 'email', 'Re: S00001', '<p>We agree.</p>', '2025-03-03 11:02:00'),
    ('sale.order', 2, null, 4, 'notification', null, '<p>Quotation created</p>', '2025-03-04 14:03:10'),
    ('res.partner', 6, null, 4, 'comment', null, '<p>Prefers to be called in the morning.</p>', '2025-03-01 10:00:00'),
    ('res.partner', 8, null, 5, 'comment', null, '<p>Ask for Anna.</p>', '2025-03-02 10:00:00');

insert into ir_model (model, name, state) values
    ('res.country', '{"en_US": "Country", "it_IT": "Nazione"}', 'base'),
    ('res.company', '{"en_US": "Companies", "it_IT": "Aziende"}', 'base'),
    ('res.users', '{"en_US": "User", "it_IT": "Utente"}', 'base'),
    ('res.partner', '{"en_US": "Contact", "it_IT": "Contatto"}', 'base'),
    ('res.partner.category', '{"en_US": "Partner Tags"}', 'base'),
    ('product.template', '{"en_US": "Product", "it_IT": "Prodotto"}', 'base'),
    ('product.product', '{"en_US": "Product Variant"}', 'base'),
    ('sale.order', '{"en_US": "Sales Order", "it_IT": "Ordine di vendita"}', 'base'),
    ('sale.order.line', '{"en_US": "Sales Order Line"}', 'base'),
    ('mail.message', '{"en_US": "Message", "it_IT": "Messaggio"}', 'base'),
    ('ir.model', '{"en_US": "Models", "it_IT": "Modelli"}', 'base'),
    ('ir.model.data', '{"en_US": "Model Data"}', 'base');

insert into ir_model_data (module, name, model, res_id, noupdate)
    select 'base', lower(code), 'res.country', id, false from res_country
    union all values
        ('base', 'main_company', 'res.company', 1, true),
        ('base', 'main_partner', 'res.partner', 1, true),
        ('base', 'user_root', 'res.users', 1, true),
        ('base', 'partner_root', 'res.partner', 3, true),
        ('base', 'user_admin', 'res.users', 2, true),
        ('base', 'partner_admin', 'res.partner', 4, true)
    union all
    select 'base', 'model_' || replace(model, '.', '_'), 'ir.model', id, false from ir_model
    union all
    select 'shop', 'category_' || id, 'res.partner.category', id, false from res_partner_category
    union all
    select 'shop', 'product_' || lower(replace(default_code, '-', '_')), 'product.product', id, false from product_product;

do $$
declare
    stamped text;
begin
    foreach stamped in array array[
        'res_country', 'res_company', 'res_users', 'res_partner', 'res_partner_category', 'product_template',
        'product_product', 'sale_order', 'sale_order_line', 'mail_message', 'ir_model', 'ir_model_data'
    ] loop
        execute format('update %I set create_uid = 1, create_date = %L, write_uid = 2, write_date = %L',
                       stamped, '2025-03-05 18:00:00', '2025-03-05 18:00:00.123456');
    end loop;
end $$;
