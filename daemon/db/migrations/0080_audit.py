"""The audit log, which is only added to; temporary passwords and second factors. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
)

YOUNG_MS = 30 * 24 * 3_600_000  # entries younger than this are never deleted
REFUSED = "the audit log is only added to"

ON_SQLITE = (
    f"""CREATE TRIGGER audit_entry_kept BEFORE UPDATE ON audit_entry
    BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END""",
    f"""CREATE TRIGGER audit_entry_stays BEFORE DELETE ON audit_entry
    WHEN OLD.id > COALESCE((SELECT pruned FROM audit_head WHERE id = 1), 0)
    BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END""",
    f"""CREATE TRIGGER audit_entry_new BEFORE INSERT ON audit_entry
    WHEN EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END""",
    f"""CREATE TRIGGER audit_head_kept BEFORE UPDATE ON audit_head
    WHEN NEW.id <> OLD.id OR NEW.last < OLD.last OR NEW.pruned < OLD.pruned OR EXISTS (
        SELECT 1 FROM audit_entry WHERE id > OLD.pruned AND id <= NEW.pruned
        AND at > CAST(strftime('%s', 'now') AS INTEGER) * 1000 - {YOUNG_MS})
    BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END""",
    f"""CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head
    BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END""",
    f"""CREATE TRIGGER audit_head_new BEFORE INSERT ON audit_head
    WHEN EXISTS (SELECT 1 FROM audit_head WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END""",
)
ON_POSTGRES = (
    f"""CREATE FUNCTION audit_refused() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    f"""CREATE FUNCTION audit_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.id > COALESCE((SELECT pruned FROM audit_head WHERE id = 1), 0) THEN
            RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN OLD;
    END $$""",
    f"""CREATE FUNCTION audit_head_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.id <> OLD.id OR NEW.last < OLD.last OR NEW.pruned < OLD.pruned OR (NEW.pruned > OLD.pruned AND EXISTS (
            SELECT 1 FROM audit_entry WHERE id > OLD.pruned AND id <= NEW.pruned
            AND at > (extract(epoch FROM clock_timestamp()) * 1000)::bigint - {YOUNG_MS})) THEN
            RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER audit_entry_kept BEFORE UPDATE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_refused()""",
    """CREATE TRIGGER audit_entry_stays BEFORE DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_stays()""",
    """CREATE TRIGGER audit_entry_emptied BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refused()""",
    """CREATE TRIGGER audit_head_kept BEFORE UPDATE ON audit_head
    FOR EACH ROW EXECUTE FUNCTION audit_head_kept()""",
    """CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head
    FOR EACH ROW EXECUTE FUNCTION audit_refused()""",
    """CREATE TRIGGER audit_head_emptied BEFORE TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refused()""",
)


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class User(Base):
        id = AutoField()

    class SecondFactor(Base):
        user = ForeignKeyField(User, primary_key=True, on_delete="CASCADE")
        nonce = CharField(max_length=32)
        confirmed_at = BigIntegerField(null=True)
        last_step = BigIntegerField()

    class RecoveryCode(Base):
        id = AutoField()
        user = ForeignKeyField(User, on_delete="CASCADE")
        digest = CharField(max_length=64)
        used_at = BigIntegerField(null=True)

    class LoginStep(Base):
        id = CharField(primary_key=True, max_length=64)
        user = ForeignKeyField(User, on_delete="CASCADE")
        version = IntegerField()
        coded = BooleanField()
        nonce = CharField(null=True, max_length=32)
        expires_at = BigIntegerField()

    class AuditEntry(Base):
        id = BigIntegerField(primary_key=True)
        at = BigIntegerField()
        who = CharField(max_length=100)
        identity = CharField(max_length=32)
        action = CharField(max_length=64)
        kind = CharField(max_length=32)
        target = CharField(max_length=128)
        address = CharField(max_length=64)
        result = CharField(max_length=16)
        code = CharField(max_length=64)
        digest = CharField(max_length=64)

        class Meta:
            indexes = ((("at", "id"), False), (("who", "at", "id"), False), (("action", "at", "id"), False))

    class AuditHead(Base):
        id = IntegerField(primary_key=True)
        last = BigIntegerField()
        digest = CharField(max_length=64)
        pruned = BigIntegerField()
        pruned_digest = CharField(max_length=64)
        seal = CharField(max_length=64)

    migrator.migrate(migrator.add_column("user", "password_until", BigIntegerField(null=True)))
    db.create_tables([SecondFactor, RecoveryCode, LoginStep, AuditEntry, AuditHead])
    for statement in ON_SQLITE if isinstance(db, SqliteDatabase) else ON_POSTGRES:
        db.execute_sql(statement)
