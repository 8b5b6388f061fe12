"""The kinds of references, and what is known of Odoo that its own tables don't say."""

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """How a reference is stored."""

    FOREIGN_KEY = "foreign key"
    MANY2MANY = "many2many"
    DELEGATION = "delegation"
    ACTION = "action"
    TEXT = "'model,id' text"
    MODEL_AND_ID = "model and id"
    MODEL_ELSEWHERE = "model in another row"
    IMPLIED = "implied model"
    IR_PROPERTY = "ir_property"
    COMPANY_KEY = "company as key"
    COMPANY_VALUE = "value by company"
    ANALYTIC = "analytic_distribution"
    PLAN_COLUMN = "plan in column name"
    PROPERTY = "property"
    JSON = "within json"
    PARENT_PATH = "parent_path"
    COMBINATION = "combination_indices"
    MATCHING = "matching_number"
    INTERNAL_INDEX = "internal_index"
    EXTERNAL_ID = "company in external id"
    TRANSLATION = "ir_translation"
    PARAMETER = "ir_config_parameter"
    DEFAULT = "ir_default"
    TRACKING = "mail_tracking_value"
    HTML_ATTACHMENT = "/web/image, /web/content"
    HTML_RECORD = "data-oe-id"
    HTML_LINK = "/mail/view"


# Kinds that a version, by the name of its dump, doesn't have.
ABSENT: Final = {
    "odoo14": frozenset(
        {
            Kind.IMPLIED,
            Kind.COMPANY_KEY,
            Kind.COMPANY_VALUE,
            Kind.ANALYTIC,
            Kind.PLAN_COLUMN,
            Kind.PROPERTY,
            Kind.JSON,
            Kind.MATCHING,
            Kind.INTERNAL_INDEX,
        }
    ),
    "odoo18": frozenset({Kind.IR_PROPERTY, Kind.TRANSLATION}),
}

# Models whose records are in a table that is not their name with underscores.
MODEL_TABLES: Final = {
    "hr.employee.public": "hr_employee",
    "ir.actions.act_url": "ir_act_url",
    "ir.actions.act_window": "ir_act_window",
    "ir.actions.act_window.view": "ir_act_window_view",
    "ir.actions.act_window_close": "ir_actions",
    "ir.actions.actions": "ir_actions",
    "ir.actions.client": "ir_act_client",
    "ir.actions.report": "ir_act_report_xml",
    "ir.actions.server": "ir_act_server",
    "mail.notification": "mail_message_res_partner_needaction_rel",
    "project.task.stage.personal": "project_task_user_rel",
}

# The record of a parent model that a record can't be without.
DELEGATIONS: Final = frozenset(
    {
        ("account_bank_statement_line", "move_id"),
        ("account_payment", "move_id"),
        ("crm_team", "alias_id"),
        ("hr_employee", "resource_id"),
        ("ir_cron", "ir_actions_server_id"),
        ("mail_mail", "mail_message_id"),
        ("product_document", "ir_attachment_id"),
        ("product_product", "product_tmpl_id"),
        ("project_project", "alias_id"),
        ("res_users", "partner_id"),
    }
)

# (table, column with the id, column with the model)
MODEL_AND_ID: Final = (
    ("calendar_event", "res_id", "res_model"),
    ("ir_act_window", "res_id", "res_model"),
    ("ir_attachment", "res_id", "res_model"),
    ("ir_embedded_actions", "parent_res_id", "parent_res_model"),
    ("ir_model_data", "res_id", "model"),
    ("loyalty_history", "order_id", "order_model"),
    ("mail_activity", "res_id", "res_model"),
    ("mail_followers", "res_id", "res_model"),
    ("mail_message", "res_id", "model"),
    ("mail_scheduled_message", "res_id", "model"),
    ("mailing_trace", "res_id", "model"),
    ("rating_rating", "res_id", "res_model"),
    ("rating_rating", "parent_res_id", "parent_res_model"),
    ("snailmail_letter", "res_id", "model"),
)

# (table, column with the id, column that refers to the row with the model, that table, the model's column there)
MODEL_ELSEWHERE: Final = (
    ("ir_filters", "embedded_parent_res_id", "embedded_action_id", "ir_embedded_actions", "parent_res_model"),
    ("mail_alias", "alias_force_thread_id", "alias_model_id", "ir_model", "model"),
    ("mail_alias", "alias_parent_thread_id", "alias_parent_model_id", "ir_model", "model"),
    ("payment_transaction", "callback_res_id", "callback_model_id", "ir_model", "model"),
)

# (table, column, table of the record)
IMPLIED: Final = (
    ("calendar_event", "recurrent_id", "calendar_event"),
    ("event_lead_request", "processed_registration_id", "event_registration"),
    ("ir_logging", "create_uid", "res_users"),
    ("ir_logging", "write_uid", "res_users"),
    ("mail_notification", "sms_id_int", "sms_sms"),
    ("res_users_deletion", "user_id_int", "res_users"),
)

# (table, column, column that refers to the row with the definition, that table, the definition's column there)
PROPERTIES: Final = (
    ("crm_lead", "lead_properties", "team_id", "crm_team", "lead_properties_definition"),
    ("hr_employee", "employee_properties", "company_id", "res_company", "employee_properties_definition"),
    ("product_template", "product_properties", "categ_id", "product_category", "product_properties_definition"),
    ("project_task", "task_properties", "project_id", "project_project", "task_properties_definition"),
    ("stock_lot", "lot_properties", "product_id", "product_product", "lot_properties_definition"),
    ("stock_picking", "picking_properties", "picking_type_id", "stock_picking_type", "picking_properties_definition"),
)

# Parameters whose value is the id of a record.
PARAMETERS: Final = {
    "analytic.analytic_plan_projects": "account_analytic_plan",
    "analytic.project_plan": "account_analytic_plan",
    "base.template_portal_user_id": "res_users",
    "digest.default_digest_id": "digest_digest",
    "mass_mailing.mail_server_id": "ir_mail_server",
    "sale.default_confirmation_template": "mail_template",
    "sale.default_deposit_product_id": "product_product",
    "sale.default_email_template": "mail_template",
    "sale.default_invoice_email_template": "mail_template",
    "res.partner.property_product_pricelist": "product_pricelist",
}

# Numbers with names like references that are none. Those of wizards are gone with the window that they belong to.
NO_REFERENCES: Final = frozenset(
    {
        ("account_account", "root_id"),
        ("account_move_line", "account_root_id"),
        ("base_partner_merge_line", "min_id"),
        ("mail_compose_message", "res_id"),
        ("mail_wizard_invite", "res_id"),
        ("payment_link_wizard", "res_id"),
        ("portal_share", "res_id"),
        ("privacy_lookup_wizard_line", "res_id"),
        ("project_share_wizard", "res_id"),
        ("sms_composer", "res_id"),
    }
)
