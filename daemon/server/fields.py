"""Which field of a request or of a form an error is about."""

from __future__ import annotations

from daemon import errors

# By the code of the error: the names that the field has, first as the API calls it. Where one place raises a code for
# several fields, it says which itself (`DaemonError.at`).
FIELDS: dict[str, tuple[str, ...]] = {
    "account_unfit": ("account",),
    "no_such_account": ("account",),
    "account_not_listed": ("account",),
    "language_unknown": ("language",),
    "schedule_unfit": ("schedule_at", "at"),
    "schedule_too_late": ("schedule_at", "at"),
    "schedule_passed": ("schedule_at", "at"),
    "start_not_given": ("schedule_at", "at"),
    "start_twofold": ("schedule_at", "at"),
    "start_not_confirmed": ("sure",),
    "date_field_not_listed": ("dated_field",),
    "date_order_not_said": ("dated_order",),
    "start_passed": ("schedule_at", "at"),
    "start_too_late": ("schedule_at", "at"),
    "start_skipped": ("schedule_at", "at"),
    "window_unfit": ("window", "from"),
    "hours_not_different": ("window", "from"),
    "daily_cap_unfit": ("daily_cap",),
    "delays_unfit": ("delay_min",),
    "pause_reversed": ("delay_min",),
    "zone_not_listed": ("timezone", "zone"),
    "unknown_time_zone": ("timezone", "zone"),
    "quiet_hours_unfit": ("quiet_hours",),
    "days_unfit": ("days",),
    "country_not_listed": ("country",),
    "account_country_unfit": ("country",),
    "message_empty": ("message", "text"),
    "nothing_written": ("message", "text"),
    "field_not_listed": ("message", "text"),
    "unknown_fields": ("message", "text"),
    "text_not_for_all": ("message", "text"),
    "file_above_limit": ("file", "own"),
    "attachment_above_limit": ("file",),
    "upload_empty": ("file", "numbers"),
    "no_people_given": ("file", "numbers"),
    "nobody_to_add": ("file", "numbers"),
    "nothing_to_import": ("file", "numbers"),
    "too_much_pasted": ("numbers", "pasted"),
    "no_number_fits": ("numbers", "pasted"),
    "nobody_to_write_to": ("numbers",),
    "nobody_fits": ("numbers",),
    "webhook_url_unfit": ("url",),
    "webhook_address_barred": ("url",),
    "webhook_events_unfit": ("events",),
    "webhook_events_empty": ("events",),
    "no_upload": ("upload_id",),
    "no_attachment": ("attachments", "file"),
    "too_many_files": ("attachments", "file"),
    "template_with_files": ("attachments",),
    "sheet_not_chosen": ("sheet",),
    "column_not_chosen": ("phone_column",),
    "choose_phone_column": ("phone_column",),
    "unknown_phone_column": ("phone_column",),
    "phone_column_not_one": ("phone_column", "role-0"),
    "attachment_column_not_one": ("role-0",),
    "list_empty": ("list",),
    "no_list": ("list",),
    "name_missing": ("name", "template_name"),
    "name_too_long": ("name", "template_name"),
    "name_taken": ("name", "template_name"),
    "user_name_taken": ("name",),
    "user_name_length": ("name",),
    "user_name_invisible": ("name",),
    "user_name_reserved": ("name",),
    "user_name_lookalike": ("name",),
    "role_unfit": ("role",),
    "password_too_short": ("new", "password"),
    "password_too_long": ("new", "password"),
    "password_is_name": ("new", "password"),
    "password_one_character": ("new", "password"),
    "password_common": ("new", "password"),
    "reason_too_long": ("reason", "why"),
    "search_too_long": ("search",),
    "recipient_not_chosen": ("recipient",),
    "not_a_recipient": ("other",),
}
BY_KIND: dict[type[errors.DaemonError], tuple[str, ...]] = {
    errors.TemplateError: ("message", "text"),
    errors.UnreadableFile: ("file",),
    errors.InvalidNumber: ("number",),
}


def names(error: errors.DaemonError) -> tuple[str, ...]:
    """What the field may be called, likeliest first; () where the error is about no one field."""
    if error.field:
        return (error.field, *FIELDS.get(error.told.code, ()))
    if found := FIELDS.get(error.told.code):
        return found
    return next((BY_KIND[kind] for kind in type(error).__mro__ if kind in BY_KIND), ())
