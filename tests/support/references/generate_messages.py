"""Generated messages, followers, attachments and the like: what refers to records of any model."""

from tests.support.references.kinds import Kind
from tests.support.references.maker import Maker
from tests.support.references.people import People


def make(maker: Maker, people: People) -> None:
    """Makes one of each on the generated task."""
    task_model = maker.value("SELECT id FROM ir_model WHERE model = 'project.task'")
    on_task = {"res_model": "project.task", "model": "project.task", "res_id": people.task}
    attachment = maker.make(
        "ir_attachment", Kind.MODEL_AND_ID, **on_task, name=people.name, res_field=None, url=None, type="binary"
    )
    message = _message(maker, people, attachment)
    maker.change("project_task", people.task, description=_html(people, attachment))
    _tracking(maker, people, message)
    maker.make("mail_followers", Kind.MODEL_AND_ID, **on_task, partner_id=people.partner, channel_id=None)
    maker.make(
        "mail_activity",
        Kind.MODEL_AND_ID,
        **on_task,
        res_model_id=task_model,
        user_id=people.user,
        res_name=people.name,
        calendar_event_id=None,
    )
    maker.make("calendar_event", Kind.MODEL_AND_ID, **on_task, res_model_id=task_model, name=people.name)
    maker.make(
        "rating_rating",
        Kind.MODEL_AND_ID,
        **on_task,
        res_model_id=task_model,
        parent_res_model="project.project",
        parent_res_model_id=maker.value("SELECT id FROM ir_model WHERE model = 'project.project'"),
        parent_res_id=people.project,
        access_token=people.name,
        message_id=message,
    )
    maker.make(
        "mail_alias",
        Kind.MODEL_ELSEWHERE,
        alias_name=None,
        alias_full_name=None,
        alias_model_id=task_model,
        alias_force_thread_id=people.task,
        alias_parent_model_id=maker.value("SELECT id FROM ir_model WHERE model = 'project.project'"),
        alias_parent_thread_id=people.project,
    )
    maker.make(
        "snailmail_letter",
        Kind.MODEL_AND_ID,
        **on_task,
        partner_id=people.partner,
        company_id=people.company,
        state="pending",
    )
    if maker.has("mail_scheduled_message"):
        maker.make(
            "mail_scheduled_message",
            Kind.MODEL_AND_ID,
            **on_task,
            author_id=people.partner,
            subject=people.name,
            scheduled_date="2026-12-01 08:00:00",
        )
    if maker.has("mail_notification", "sms_id_int"):
        sms = maker.make("sms_sms", uuid=people.name, state="outgoing", partner_id=people.partner)
        maker.make(
            "mail_notification",
            Kind.IMPLIED,
            mail_message_id=message,
            res_partner_id=people.partner,
            notification_type="sms",
            sms_id_int=sms,
            mail_mail_id=None,
        )
        maker.make("res_users_deletion", Kind.IMPLIED, user_id=people.user, user_id_int=people.user, state="todo")
    if maker.has("payment_transaction", "callback_res_id"):
        maker.make(
            "payment_transaction",
            Kind.MODEL_ELSEWHERE,
            acquirer_id=maker.value("SELECT min(id) FROM payment_acquirer"),
            type="form",
            state="draft",
            amount=1,
            currency_id=1,
            reference=people.name,
            partner_id=people.partner,
            partner_country_id=1,
            callback_model_id=task_model,
            callback_res_id=people.task,
        )


def _message(maker: Maker, people: People, attachment: int) -> int:
    message = maker.make(
        "mail_message",
        Kind.MODEL_AND_ID,
        Kind.HTML_ATTACHMENT,
        Kind.HTML_RECORD,
        Kind.HTML_LINK,
        model="project.task",
        res_id=people.task,
        message_id=f"<{people.name}@example.com>",
        parent_id=None,
        mail_server_id=None,
        author_id=people.partner,
        body=_html(people, attachment),
    )
    maker.link("message_attachment_rel", message_id=message, attachment_id=attachment)
    return message


def _html(people: People, attachment: int) -> str:
    """A text with all that Odoo writes: an image, a file, a mention, a link that a mail has."""
    return (
        f'<p><img src="/web/image/{attachment}?access_token=x"/>'
        f' <a href="/web/content/{attachment}?download=true">file</a>'
        f' <a href="#" data-oe-model="res.partner" data-oe-id="{people.partner}">@{people.name}</a>'
        f' <a href="/mail/view?model=project.task&amp;res_id={people.task}">task</a></p>'
    )


def _tracking(maker: Maker, people: People, message: int) -> None:
    """A task that was given to another user, and in the other direction."""
    name = "partner_id"
    field = maker.value("SELECT id FROM ir_model_fields WHERE model = 'sale.order' AND name = %s", name)
    maker.make(
        "mail_tracking_value",
        Kind.TRACKING,
        field=field,
        field_id=field,
        field_type="many2one",
        field_desc="Customer",
        old_value_integer=people.partner,
        new_value_integer=maker.value("SELECT max(id) FROM res_partner WHERE id < %s", people.partner),
        mail_message_id=message,
    )
