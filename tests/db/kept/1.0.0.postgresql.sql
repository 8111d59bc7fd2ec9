CREATE TABLE public.account (
    name character varying(32) NOT NULL,
    state character varying(255) NOT NULL,
    hold character varying(255),
    detail text,
    until bigint,
    qr text,
    seen_at bigint NOT NULL,
    next_send_at bigint NOT NULL,
    next_reason character varying(255) NOT NULL,
    paced_at bigint NOT NULL,
    streak integer NOT NULL,
    known_chats boolean DEFAULT false NOT NULL,
    slow_until bigint DEFAULT 0 NOT NULL,
    canary_at bigint DEFAULT 0 NOT NULL,
    hourly_cap integer,
    daily_cap integer,
    quiet_hours character varying(11),
    timezone character varying(64),
    wish text,
    link_number character varying(20),
    link_code character varying(16),
    link_code_at bigint,
    screenshot_at bigint,
    owner character varying(32),
    owner_until bigint DEFAULT 0 NOT NULL,
    owner_place text,
    kept_hold text,
    failing text,
    limits_version integer DEFAULT 1 NOT NULL,
    send_ms integer DEFAULT 0 NOT NULL,
    dry_run boolean DEFAULT false NOT NULL,
    coded text,
    country character varying(2),
    number character varying(20),
    title character varying(64),
    transport character varying(16),
    delay_min double precision,
    delay_max double precision,
    long_pause_every integer,
    long_pause_min double precision,
    long_pause_max double precision,
    canary character varying(20),
    home character varying(32),
    removed_at bigint,
    cloud_phone_number_id character varying(32),
    cloud_business_account_id character varying(32),
    cloud_throughput integer,
    cloud_token text,
    cloud_app_secret text,
    cloud_verify_token text
);
CREATE TABLE public.answer (
    key character varying(255) NOT NULL,
    request character varying(64) NOT NULL,
    response text NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.api_key (
    id integer NOT NULL,
    name character varying(50) NOT NULL,
    scopes text NOT NULL,
    accounts text,
    addresses text,
    test boolean NOT NULL,
    masked boolean NOT NULL,
    rate_limit integer,
    created_at bigint NOT NULL,
    created_by character varying(255) NOT NULL,
    expires_at bigint,
    revoked_at bigint,
    revoked_by character varying(255),
    version integer DEFAULT 1 NOT NULL,
    changed_at bigint,
    changed_by character varying(255)
);
CREATE SEQUENCE public.api_key_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.api_key_id_seq OWNED BY public.api_key.id;
CREATE TABLE public.attachment (
    id character varying(32) NOT NULL,
    filename text NOT NULL,
    kind character varying(255) NOT NULL,
    mimetype character varying(255) NOT NULL,
    size bigint NOT NULL,
    sha256 character varying(64) NOT NULL,
    created_at bigint NOT NULL,
    used_at bigint
);
CREATE TABLE public.cloud_batch (
    id integer NOT NULL,
    at bigint NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE ONLY public.cloud_batch ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE SEQUENCE public.cloud_batch_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.cloud_batch_id_seq OWNED BY public.cloud_batch.id;
CREATE TABLE public.cloud_count (
    account character varying(32) NOT NULL,
    kind character varying(32) NOT NULL,
    count integer NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE public.cloud_progress (
    batch integer NOT NULL,
    at bigint NOT NULL,
    done integer NOT NULL,
    aside character varying(32)
);
CREATE TABLE public.cloud_seen (
    key character varying(64) NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE public.cloud_standing (
    account character varying(32) NOT NULL,
    heard_at bigint NOT NULL,
    asked_at bigint NOT NULL,
    hold character varying(32),
    until bigint,
    detail text,
    coded text,
    told_at bigint NOT NULL
);
CREATE TABLE public.cloud_template (
    id integer NOT NULL,
    account character varying(32) NOT NULL,
    template_id character varying(64),
    name character varying(512) NOT NULL,
    language character varying(16) NOT NULL,
    status character varying(32) NOT NULL,
    category character varying(32),
    quality character varying(16),
    reason text,
    parameter_format character varying(16),
    components text NOT NULL,
    version integer NOT NULL,
    synced_at bigint NOT NULL,
    changed_at bigint NOT NULL
);
CREATE SEQUENCE public.cloud_template_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.cloud_template_id_seq OWNED BY public.cloud_template.id;
CREATE TABLE public.contact_list (
    id integer NOT NULL,
    name character varying(120) NOT NULL,
    columns text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE SEQUENCE public.contact_list_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.contact_list_id_seq OWNED BY public.contact_list.id;
CREATE TABLE public.delivery (
    id integer NOT NULL,
    webhook_id integer NOT NULL,
    source character varying(24) NOT NULL,
    kind character varying(32) NOT NULL,
    topic character varying(64) NOT NULL,
    at bigint NOT NULL,
    state character varying(16) NOT NULL,
    attempts integer NOT NULL,
    due_at bigint NOT NULL,
    tried_at bigint,
    ended_at bigint,
    status integer,
    problem character varying(32),
    elapsed_ms integer
);
CREATE SEQUENCE public.delivery_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.delivery_id_seq OWNED BY public.delivery.id;
CREATE TABLE public.draft (
    id character varying(32) NOT NULL,
    name text NOT NULL,
    data text NOT NULL,
    version integer NOT NULL,
    created_by character varying(64) NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    report text,
    job_id integer,
    original bytea,
    sheets text,
    audience_set integer
);
CREATE TABLE public.duty (
    name character varying(32) NOT NULL,
    owner character varying(32) NOT NULL,
    until bigint NOT NULL,
    place text
);
CREATE TABLE public.event (
    id integer NOT NULL,
    message_id integer NOT NULL,
    at bigint NOT NULL,
    who character varying(255) NOT NULL,
    move character varying(255) NOT NULL,
    source character varying(255),
    target character varying(255) NOT NULL,
    why text,
    lease character varying(255),
    coded text
);
CREATE SEQUENCE public.event_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.event_id_seq OWNED BY public.event.id;
CREATE TABLE public.evidence (
    id integer NOT NULL,
    message_id integer NOT NULL,
    at bigint NOT NULL,
    finding text NOT NULL,
    rows text NOT NULL,
    screenshot bytea,
    coded text
);
CREATE SEQUENCE public.evidence_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.evidence_id_seq OWNED BY public.evidence.id;
CREATE TABLE public.handover (
    id integer NOT NULL,
    account character varying(32) NOT NULL,
    number character varying(20) NOT NULL,
    at bigint NOT NULL,
    kind character varying(16) NOT NULL,
    message_id integer,
    person character varying(140),
    missed boolean DEFAULT false NOT NULL
);
CREATE SEQUENCE public.handover_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.handover_id_seq OWNED BY public.handover.id;
CREATE TABLE public.happening (
    id integer NOT NULL,
    after bigint NOT NULL,
    at bigint NOT NULL,
    kind character varying(32) NOT NULL,
    account character varying(32) NOT NULL,
    job integer,
    about text NOT NULL
);
CREATE SEQUENCE public.happening_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.happening_id_seq OWNED BY public.happening.id;
CREATE TABLE public.idempotency (
    scope character varying(16) NOT NULL,
    key character varying(255) NOT NULL,
    request character varying(64) NOT NULL,
    response text NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.installation (
    id integer NOT NULL,
    epoch bigint NOT NULL,
    seen_at bigint NOT NULL,
    boot character varying(64) NOT NULL,
    up_ms bigint NOT NULL,
    interruption character varying(16),
    interrupted_at bigint
);
CREATE TABLE public.job (
    id integer NOT NULL,
    account character varying(32) NOT NULL,
    name text NOT NULL,
    text text NOT NULL,
    attachments text NOT NULL,
    state character varying(255) NOT NULL,
    reason text,
    delay_min_ms integer NOT NULL,
    delay_max_ms integer NOT NULL,
    schedule_at bigint,
    created_at bigint NOT NULL,
    started_at bigint,
    completed_at bigint,
    claimed_at bigint NOT NULL,
    total integer NOT NULL,
    columns text NOT NULL,
    rejected text NOT NULL,
    pending integer NOT NULL,
    claimed integer NOT NULL,
    sending integer NOT NULL,
    sent integer NOT NULL,
    delivered integer NOT NULL,
    read integer NOT NULL,
    failed integer NOT NULL,
    uncertain integer NOT NULL,
    skipped integer NOT NULL,
    cancelled integer NOT NULL,
    "window" character varying(11),
    daily_cap integer DEFAULT 0 NOT NULL,
    opens_at bigint DEFAULT 0 NOT NULL,
    cloned_from integer,
    kind character varying(16) DEFAULT 'campaign'::character varying NOT NULL,
    opens_zone character varying(64),
    accepted integer DEFAULT 0 NOT NULL,
    expired integer DEFAULT 0 NOT NULL,
    tally_ms integer DEFAULT 1000 NOT NULL,
    for_dry_run boolean DEFAULT false NOT NULL,
    dry_run boolean DEFAULT false NOT NULL,
    coded text,
    formats text,
    dated text,
    archived_at bigint,
    made_by character varying(255),
    replied integer DEFAULT 0 NOT NULL,
    external_id character varying(255),
    template text,
    own_delays boolean,
    unconfirmed character varying(16),
    unconfirmed_at bigint,
    unconfirmed_since bigint
);
CREATE SEQUENCE public.job_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.job_id_seq OWNED BY public.job.id;
CREATE TABLE public.job_step (
    id integer NOT NULL,
    job_id integer NOT NULL,
    at bigint NOT NULL,
    move character varying(16) NOT NULL,
    who character varying(255) NOT NULL
);
CREATE SEQUENCE public.job_step_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.job_step_id_seq OWNED BY public.job_step.id;
CREATE TABLE public.kept_answer (
    operation character varying(80) NOT NULL,
    caller character varying(64) NOT NULL,
    key character varying(255) NOT NULL,
    request character varying(64) NOT NULL,
    response text,
    created_at bigint NOT NULL
);
CREATE TABLE public.kept_media (
    number character varying(32) NOT NULL,
    attachment character varying(32) NOT NULL,
    media_id character varying(64) NOT NULL,
    expires_at bigint NOT NULL
);
CREATE TABLE public.kept_row (
    set_id integer NOT NULL,
    n integer NOT NULL,
    body text NOT NULL
);
CREATE TABLE public.key_secret (
    id integer NOT NULL,
    key_id integer NOT NULL,
    prefix character varying(20) NOT NULL,
    digest character varying(64) NOT NULL,
    created_at bigint NOT NULL,
    ends_at bigint,
    used_at bigint
);
CREATE SEQUENCE public.key_secret_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.key_secret_id_seq OWNED BY public.key_secret.id;
CREATE TABLE public.known_columns (
    shape character varying(64) NOT NULL,
    columns text NOT NULL,
    country character varying(8) NOT NULL,
    used_at bigint NOT NULL
);
CREATE TABLE public.known_user (
    bsuid character varying(140) NOT NULL,
    number character varying(20) NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE public.last_wrote (
    account character varying(32) NOT NULL,
    person character varying(140) NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE public.list_entry (
    id integer NOT NULL,
    list_id integer NOT NULL,
    number character varying(20) NOT NULL,
    fields text NOT NULL,
    person character varying(140)
);
CREATE SEQUENCE public.list_entry_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.list_entry_id_seq OWNED BY public.list_entry.id;
CREATE TABLE public.login_failure (
    key character varying(80) NOT NULL,
    count integer NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE public.message (
    id integer NOT NULL,
    job_id integer NOT NULL,
    account character varying(32) NOT NULL,
    "row" integer NOT NULL,
    number character varying(20) NOT NULL,
    fields text NOT NULL,
    state character varying(255) NOT NULL,
    attempts integer NOT NULL,
    not_before bigint NOT NULL,
    lease character varying(255),
    lease_until bigint,
    mark text,
    error text,
    transport_id text,
    submitted_at bigint,
    sent_at bigint,
    delivered_at bigint,
    read_at bigint,
    attachments text,
    ended_at bigint,
    person character varying(140),
    submissions integer DEFAULT 0 NOT NULL,
    accepted_at bigint,
    expires_at bigint,
    known boolean DEFAULT false NOT NULL,
    coded text,
    not_after bigint,
    failed_by character varying(64),
    nth integer DEFAULT 0 NOT NULL,
    external_id character varying(255)
);
CREATE SEQUENCE public.message_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.message_id_seq OWNED BY public.message.id;
CREATE TABLE public.message_part (
    message_id integer NOT NULL,
    part integer NOT NULL,
    of integer NOT NULL,
    what text NOT NULL,
    mark text,
    transport_id text,
    ack character varying(16),
    submitted_at bigint,
    sent_at bigint
);
CREATE TABLE public.metric_count (
    name character varying(32) NOT NULL,
    account character varying(32) NOT NULL,
    label character varying(64) NOT NULL,
    count bigint NOT NULL
);
CREATE TABLE public.metric_position (
    history character varying(16) NOT NULL,
    "position" bigint NOT NULL
);
CREATE TABLE public.minute (
    account character varying(32) NOT NULL,
    at bigint NOT NULL,
    job integer NOT NULL,
    count integer NOT NULL
);
CREATE TABLE public.old_stop (
    id integer NOT NULL,
    account character varying(32) NOT NULL,
    key character varying(64) NOT NULL
);
CREATE SEQUENCE public.old_stop_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.old_stop_id_seq OWNED BY public.old_stop.id;
CREATE TABLE public.opened_chat (
    id integer NOT NULL,
    account character varying(32) NOT NULL,
    title text NOT NULL,
    number character varying(20) NOT NULL,
    at bigint NOT NULL,
    stored boolean NOT NULL,
    person character varying(140)
);
CREATE SEQUENCE public.opened_chat_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.opened_chat_id_seq OWNED BY public.opened_chat.id;
CREATE TABLE public.page_check (
    account character varying(32) NOT NULL,
    at bigint NOT NULL,
    body text NOT NULL
);
CREATE TABLE public.picture (
    account character varying(32) NOT NULL,
    at bigint NOT NULL,
    png bytea NOT NULL
);
CREATE TABLE public.portfolio (
    business character varying(32) NOT NULL,
    most integer,
    people integer NOT NULL,
    told_at bigint NOT NULL
);
CREATE TABLE public.portfolio_person (
    id integer NOT NULL,
    business character varying(32) NOT NULL,
    person character varying(140) NOT NULL,
    at bigint NOT NULL,
    before_at bigint,
    message integer NOT NULL
);
CREATE SEQUENCE public.portfolio_person_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.portfolio_person_id_seq OWNED BY public.portfolio_person.id;
CREATE TABLE public.quarter (
    job_id integer NOT NULL,
    at bigint NOT NULL,
    sent integer DEFAULT 0 NOT NULL,
    delivered integer DEFAULT 0 NOT NULL,
    read integer DEFAULT 0 NOT NULL,
    replied integer DEFAULT 0 NOT NULL
);
CREATE TABLE public.reason (
    job_id integer NOT NULL,
    code character varying(64) NOT NULL,
    count integer NOT NULL
);
CREATE TABLE public.removal (
    id integer NOT NULL,
    number character varying(20) NOT NULL,
    reason text NOT NULL,
    source character varying(255) NOT NULL,
    created_at bigint NOT NULL,
    removed_at bigint NOT NULL,
    removed_by character varying(255) NOT NULL,
    why text NOT NULL
);
CREATE SEQUENCE public.removal_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.removal_id_seq OWNED BY public.removal.id;
CREATE TABLE public.reply (
    id integer NOT NULL,
    account character varying(32) NOT NULL,
    number character varying(20) NOT NULL,
    text text NOT NULL,
    at bigint NOT NULL,
    key character varying(64) NOT NULL,
    stop boolean NOT NULL,
    message_id integer,
    person character varying(140),
    fresh boolean DEFAULT false NOT NULL
);
CREATE SEQUENCE public.reply_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.reply_id_seq OWNED BY public.reply.id;
CREATE TABLE public.row_set (
    id integer NOT NULL,
    touched_at bigint NOT NULL,
    held boolean NOT NULL,
    count integer NOT NULL,
    size bigint NOT NULL,
    "distinct" boolean NOT NULL
);
CREATE SEQUENCE public.row_set_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.row_set_id_seq OWNED BY public.row_set.id;
CREATE TABLE public.run (
    series_id integer NOT NULL,
    at bigint NOT NULL,
    job_id integer,
    reason text,
    coded text
);
CREATE TABLE public.schema_migration (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    applied timestamp without time zone NOT NULL
);
CREATE SEQUENCE public.schema_migration_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.schema_migration_id_seq OWNED BY public.schema_migration.id;
CREATE TABLE public.series (
    id integer NOT NULL,
    draft character varying(32) NOT NULL,
    name text NOT NULL,
    "order" text NOT NULL,
    weekly text NOT NULL,
    zone character varying(64) NOT NULL,
    audience_set integer,
    list_id integer,
    state character varying(16) NOT NULL,
    next_at bigint,
    made integer NOT NULL,
    created_at bigint NOT NULL,
    created_by character varying(64) NOT NULL
);
CREATE SEQUENCE public.series_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.series_id_seq OWNED BY public.series.id;
CREATE TABLE public.session (
    id character varying(64) NOT NULL,
    user_id integer,
    role character varying(16) NOT NULL,
    csrf character varying(64) NOT NULL,
    created_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE TABLE public.suppression (
    number character varying(20) NOT NULL,
    reason text NOT NULL,
    source character varying(255) NOT NULL,
    created_at bigint NOT NULL,
    confirmed_at bigint,
    person character varying(140)
);
CREATE TABLE public.tally (
    job_id integer NOT NULL,
    at bigint NOT NULL,
    "out" integer DEFAULT 0 NOT NULL,
    accepted integer DEFAULT 0 NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    other integer DEFAULT 0 NOT NULL
);
CREATE TABLE public.template (
    id integer NOT NULL,
    name character varying(120) NOT NULL,
    text text NOT NULL,
    attachments text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version integer DEFAULT 1 NOT NULL
);
CREATE SEQUENCE public.template_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.template_id_seq OWNED BY public.template.id;
CREATE TABLE public.throughput (
    number character varying(32) NOT NULL,
    next_at double precision NOT NULL,
    share integer NOT NULL,
    lowered_at bigint NOT NULL
);
CREATE TABLE public.unmatched_chat (
    id integer NOT NULL,
    account character varying(32) NOT NULL,
    title character varying(200) NOT NULL,
    first_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    count integer NOT NULL,
    opened boolean NOT NULL,
    stop boolean NOT NULL,
    stop_key character varying(64),
    hint character varying(20),
    number character varying(20),
    ignored boolean NOT NULL,
    who character varying(64)
);
CREATE SEQUENCE public.unmatched_chat_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.unmatched_chat_id_seq OWNED BY public.unmatched_chat.id;
CREATE TABLE public.upload (
    id character varying(32) NOT NULL,
    filename text NOT NULL,
    created_at bigint NOT NULL,
    total integer NOT NULL,
    duplicates integer NOT NULL,
    columns text NOT NULL,
    phone_column text,
    candidates text,
    size bigint DEFAULT 0 NOT NULL,
    used_at bigint DEFAULT 0 NOT NULL,
    people_set integer,
    rejected_set integer,
    sheet_set integer,
    repeated_set integer
);
CREATE TABLE public."user" (
    id integer NOT NULL,
    name character varying(64) NOT NULL,
    role character varying(16) NOT NULL,
    password character varying(255) NOT NULL,
    language character varying(8),
    created_at bigint NOT NULL,
    disabled_at bigint,
    version integer DEFAULT 1 NOT NULL,
    accounts text
);
CREATE SEQUENCE public.user_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.user_id_seq OWNED BY public."user".id;
CREATE TABLE public.webhook (
    id integer NOT NULL,
    name text NOT NULL,
    url text NOT NULL,
    kinds text NOT NULL,
    accounts text,
    secret character varying(80) NOT NULL,
    old_secret character varying(80),
    old_until bigint,
    event bigint NOT NULL,
    happening bigint NOT NULL,
    failures integer NOT NULL,
    failing_since bigint,
    rest_until bigint NOT NULL,
    delivered_at bigint,
    disabled_at bigint,
    disabled_why character varying(16),
    created_at bigint NOT NULL,
    created_by character varying(64) NOT NULL,
    version integer NOT NULL
);
CREATE SEQUENCE public.webhook_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.webhook_id_seq OWNED BY public.webhook.id;
ALTER TABLE ONLY public.api_key ALTER COLUMN id SET DEFAULT nextval('public.api_key_id_seq'::regclass);
ALTER TABLE ONLY public.cloud_batch ALTER COLUMN id SET DEFAULT nextval('public.cloud_batch_id_seq'::regclass);
ALTER TABLE ONLY public.cloud_template ALTER COLUMN id SET DEFAULT nextval('public.cloud_template_id_seq'::regclass);
ALTER TABLE ONLY public.contact_list ALTER COLUMN id SET DEFAULT nextval('public.contact_list_id_seq'::regclass);
ALTER TABLE ONLY public.delivery ALTER COLUMN id SET DEFAULT nextval('public.delivery_id_seq'::regclass);
ALTER TABLE ONLY public.event ALTER COLUMN id SET DEFAULT nextval('public.event_id_seq'::regclass);
ALTER TABLE ONLY public.evidence ALTER COLUMN id SET DEFAULT nextval('public.evidence_id_seq'::regclass);
ALTER TABLE ONLY public.handover ALTER COLUMN id SET DEFAULT nextval('public.handover_id_seq'::regclass);
ALTER TABLE ONLY public.happening ALTER COLUMN id SET DEFAULT nextval('public.happening_id_seq'::regclass);
ALTER TABLE ONLY public.job ALTER COLUMN id SET DEFAULT nextval('public.job_id_seq'::regclass);
ALTER TABLE ONLY public.job_step ALTER COLUMN id SET DEFAULT nextval('public.job_step_id_seq'::regclass);
ALTER TABLE ONLY public.key_secret ALTER COLUMN id SET DEFAULT nextval('public.key_secret_id_seq'::regclass);
ALTER TABLE ONLY public.list_entry ALTER COLUMN id SET DEFAULT nextval('public.list_entry_id_seq'::regclass);
ALTER TABLE ONLY public.message ALTER COLUMN id SET DEFAULT nextval('public.message_id_seq'::regclass);
ALTER TABLE ONLY public.old_stop ALTER COLUMN id SET DEFAULT nextval('public.old_stop_id_seq'::regclass);
ALTER TABLE ONLY public.opened_chat ALTER COLUMN id SET DEFAULT nextval('public.opened_chat_id_seq'::regclass);
ALTER TABLE ONLY public.portfolio_person ALTER COLUMN id SET DEFAULT nextval('public.portfolio_person_id_seq'::regclass);
ALTER TABLE ONLY public.removal ALTER COLUMN id SET DEFAULT nextval('public.removal_id_seq'::regclass);
ALTER TABLE ONLY public.reply ALTER COLUMN id SET DEFAULT nextval('public.reply_id_seq'::regclass);
ALTER TABLE ONLY public.row_set ALTER COLUMN id SET DEFAULT nextval('public.row_set_id_seq'::regclass);
ALTER TABLE ONLY public.schema_migration ALTER COLUMN id SET DEFAULT nextval('public.schema_migration_id_seq'::regclass);
ALTER TABLE ONLY public.series ALTER COLUMN id SET DEFAULT nextval('public.series_id_seq'::regclass);
ALTER TABLE ONLY public.template ALTER COLUMN id SET DEFAULT nextval('public.template_id_seq'::regclass);
ALTER TABLE ONLY public.unmatched_chat ALTER COLUMN id SET DEFAULT nextval('public.unmatched_chat_id_seq'::regclass);
ALTER TABLE ONLY public."user" ALTER COLUMN id SET DEFAULT nextval('public.user_id_seq'::regclass);
ALTER TABLE ONLY public.webhook ALTER COLUMN id SET DEFAULT nextval('public.webhook_id_seq'::regclass);
INSERT INTO public.account VALUES ('default', 'ready', NULL, 'Dry run: nothing leaves this machine.', NULL, NULL, 0, 1796040932115, 'pause', 1796040332115, 3, false, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, 1, 44, true, '{"kind":"Refusal","code":"dry_run_only","values":{}}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'b860a6f12f2da2cc', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.event VALUES (1, 1, 1796040331670, 'api', 'enqueue', NULL, 'pending', NULL, NULL, NULL);
INSERT INTO public.event VALUES (2, 2, 1796040331670, 'api', 'enqueue', NULL, 'pending', NULL, NULL, NULL);
INSERT INTO public.event VALUES (3, 3, 1796040331670, 'api', 'enqueue', NULL, 'pending', NULL, NULL, NULL);
INSERT INTO public.event VALUES (4, 1, 1796040331740, 'sender', 'claim', 'pending', 'claimed', NULL, NULL, NULL);
INSERT INTO public.event VALUES (5, 1, 1796040331813, 'sender', 'submit', 'claimed', 'sending', NULL, '9219ba2be4c0df28', NULL);
INSERT INTO public.event VALUES (6, 1, 1796040331867, 'sender', 'confirm', 'sending', 'sent', NULL, '9219ba2be4c0df28', NULL);
INSERT INTO public.event VALUES (7, 2, 1796040331887, 'sender', 'claim', 'pending', 'claimed', NULL, NULL, NULL);
INSERT INTO public.event VALUES (8, 2, 1796040331894, 'sender', 'submit', 'claimed', 'sending', NULL, '634b37e5e6f1aa38', NULL);
INSERT INTO public.event VALUES (9, 2, 1796040331902, 'sender', 'confirm', 'sending', 'sent', NULL, '634b37e5e6f1aa38', NULL);
INSERT INTO public.event VALUES (10, 3, 1796040331908, 'sender', 'skip', 'pending', 'skipped', 'is on the suppression list', NULL, '{"kind":"Refusal","code":"person_suppressed","values":{}}');
INSERT INTO public.event VALUES (11, 4, 1796040332009, 'api', 'enqueue', NULL, 'pending', NULL, NULL, NULL);
INSERT INTO public.event VALUES (12, 5, 1796040332009, 'api', 'enqueue', NULL, 'pending', NULL, NULL, NULL);
INSERT INTO public.event VALUES (13, 6, 1796040332009, 'api', 'enqueue', NULL, 'pending', NULL, NULL, NULL);
INSERT INTO public.event VALUES (14, 4, 1796040332078, 'sender', 'claim', 'pending', 'claimed', NULL, NULL, NULL);
INSERT INTO public.event VALUES (15, 4, 1796040332104, 'sender', 'submit', 'claimed', 'sending', NULL, 'ca5162401e52945b', NULL);
INSERT INTO public.event VALUES (16, 4, 1796040332115, 'sender', 'confirm', 'sending', 'sent', NULL, 'ca5162401e52945b', NULL);
INSERT INTO public.event VALUES (17, 7, 1796040332208, 'api', 'enqueue', NULL, 'pending', NULL, NULL, NULL);
INSERT INTO public.event VALUES (18, 8, 1796040332271, 'api', 'enqueue', NULL, 'pending', NULL, NULL, NULL);
INSERT INTO public.event VALUES (19, 8, 1796040332306, 'api', 'cancel', 'pending', 'cancelled', 'the job was stopped', NULL, '{"kind":"Refusal","code":"job_was_stopped","values":{}}');
INSERT INTO public.handover VALUES (1, 'default', '+4915123450000', 1796040331813, 'campaign', 1, '+4915123450000', true);
INSERT INTO public.handover VALUES (2, 'default', '+4915123450001', 1796040331894, 'campaign', 2, '+4915123450001', true);
INSERT INTO public.handover VALUES (3, 'default', '+4915123450003', 1796040332104, 'campaign', 4, '+4915123450003', true);
INSERT INTO public.happening VALUES (1, 0, 1796040330299, 'account.ready', 'default', NULL, '{"hold":null,"detail":"Dry run: nothing leaves this machine.","code":"dry_run_only","until":null}');
INSERT INTO public.happening VALUES (2, 3, 1796040331670, 'job.pending', 'default', 1, '{"name":"Done","move":"create","who":"api","reason":null,"code":null,"counts":{"total":3,"pending":3}}');
INSERT INTO public.happening VALUES (3, 4, 1796040331740, 'job.running', 'default', 1, '{"name":"Done","move":"begin","who":"sender","reason":null,"code":null,"counts":{"total":3,"pending":2,"claimed":1}}');
INSERT INTO public.happening VALUES (4, 10, 1796040331908, 'job.completed', 'default', 1, '{"name":"Done","move":"complete","who":"daemon","reason":null,"code":null,"counts":{"total":3,"sent":2,"skipped":1}}');
INSERT INTO public.happening VALUES (5, 13, 1796040332009, 'job.pending', 'default', 2, '{"name":"Paused","move":"create","who":"api","reason":null,"code":null,"counts":{"total":3,"pending":3}}');
INSERT INTO public.happening VALUES (6, 14, 1796040332078, 'job.running', 'default', 2, '{"name":"Paused","move":"begin","who":"sender","reason":null,"code":null,"counts":{"total":3,"pending":2,"claimed":1}}');
INSERT INTO public.happening VALUES (7, 16, 1796040332179, 'job.paused', 'default', 2, '{"name":"Paused","move":"pause","who":"api","reason":null,"code":null,"counts":{"total":3,"pending":2,"sent":1}}');
INSERT INTO public.happening VALUES (8, 17, 1796040332208, 'job.scheduled', 'default', 3, '{"name":"Later","move":"create","who":"api","reason":null,"code":null,"counts":{"total":1,"pending":1}}');
INSERT INTO public.happening VALUES (9, 18, 1796040332271, 'job.scheduled', 'default', 4, '{"name":"Stopped","move":"create","who":"api","reason":null,"code":null,"counts":{"total":1,"pending":1}}');
INSERT INTO public.happening VALUES (10, 18, 1796040332306, 'job.stopped', 'default', 4, '{"name":"Stopped","move":"stop","who":"api","reason":null,"code":null,"counts":{"total":1,"pending":1}}');
INSERT INTO public.installation VALUES (1, 1, 1796040330234, '997ea146-bd8a-446c-a1e6-b17dfb6f2410', 5091443, NULL, NULL);
INSERT INTO public.job VALUES (3, 'default', 'Later', 'Hello', '[]', 'scheduled', NULL, 0, 0, 1827576331000, 1796040332208, NULL, NULL, 0, 1, '[]', '[]', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0, NULL, 'campaign', NULL, 0, 0, 1000, true, false, NULL, '{"language":"en","zone":"Europe/Berlin","columns":{}}', NULL, NULL, 'api', 0, NULL, NULL, false, NULL, NULL, NULL);
INSERT INTO public.job VALUES (4, 'default', 'Stopped', 'Hello', '[]', 'stopped', NULL, 0, 0, 1827576331000, 1796040332271, NULL, 1796040332306, 0, 1, '["name"]', '[]', 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, NULL, 0, 0, NULL, 'campaign', NULL, 0, 0, 1000, true, false, NULL, '{"language":"en","zone":"Europe/Berlin","columns":{}}', NULL, NULL, 'api', 0, NULL, NULL, false, NULL, NULL, NULL);
INSERT INTO public.job VALUES (1, 'default', 'Done', 'Hello', '[]', 'completed', NULL, 0, 0, NULL, 1796040331670, 1796040331740, 1796040331908, 1796040331908, 3, '[]', '[[4,"nobody","This contains letters or characters that are not part of a telephone number.","letters",{}]]', 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, NULL, 0, 0, NULL, 'campaign', NULL, 0, 0, 1000, true, true, NULL, '{"language":"en","zone":"Europe/Berlin","columns":{}}', NULL, NULL, 'api', 0, NULL, NULL, false, NULL, NULL, NULL);
INSERT INTO public.job VALUES (2, 'default', 'Paused', 'Hello', '[]', 'paused', NULL, 600000, 600000, NULL, 1796040332009, 1796040332078, NULL, 1796040332078, 3, '[]', '[]', 2, 0, 0, 1, 0, 0, 0, 0, 0, 0, NULL, 0, 0, NULL, 'campaign', NULL, 0, 0, 1000, true, true, NULL, '{"language":"en","zone":"Europe/Berlin","columns":{}}', NULL, NULL, 'api', 0, NULL, NULL, true, NULL, NULL, NULL);
INSERT INTO public.job_step VALUES (1, 2, 1796040332179, 'pause', 'api');
INSERT INTO public.job_step VALUES (2, 4, 1796040332306, 'stop', 'api');
INSERT INTO public.kept_row VALUES (1, 0, '[2,"+4915123450020",{"name":"Ada"}]');
INSERT INTO public.kept_row VALUES (1, 1, '[3,"+4915123450021",{"name":"Grace"}]');
INSERT INTO public.kept_row VALUES (2, 0, '[4,"nobody","This contains letters or characters that are not part of a telephone number.","letters",{},{"name":"Nobody"}]');
INSERT INTO public.message VALUES (1, 1, 'default', 0, '+4915123450000', '{}', 'sent', 1, 0, NULL, NULL, '{"last_own": "0"}', NULL, 'dryrun-0', 1796040331813, 1796040331867, NULL, NULL, NULL, NULL, '+4915123450000', 1, NULL, NULL, false, NULL, NULL, NULL, 0, NULL);
INSERT INTO public.message VALUES (2, 1, 'default', 1, '+4915123450001', '{}', 'sent', 1, 0, NULL, NULL, '{"last_own": "173"}', NULL, 'dryrun-173', 1796040331894, 1796040331902, NULL, NULL, NULL, NULL, '+4915123450001', 1, NULL, NULL, false, NULL, NULL, NULL, 0, NULL);
INSERT INTO public.message VALUES (3, 1, 'default', 2, '+4915123450002', '{}', 'skipped', 0, 0, NULL, NULL, NULL, 'is on the suppression list', NULL, NULL, NULL, NULL, NULL, NULL, 1796040331908, '+4915123450002', 0, NULL, NULL, false, '{"kind":"Refusal","code":"person_suppressed","values":{}}', NULL, NULL, 0, NULL);
INSERT INTO public.message VALUES (5, 2, 'default', 1, '+4915123450004', '{}', 'pending', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '+4915123450004', 0, NULL, NULL, false, NULL, NULL, NULL, 0, NULL);
INSERT INTO public.message VALUES (6, 2, 'default', 2, '+4915123450005', '{}', 'pending', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '+4915123450005', 0, NULL, NULL, false, NULL, NULL, NULL, 0, NULL);
INSERT INTO public.message VALUES (4, 2, 'default', 0, '+4915123450003', '{}', 'sent', 1, 0, NULL, NULL, '{"last_own": "346"}', NULL, 'dryrun-346', 1796040332104, 1796040332115, NULL, NULL, NULL, NULL, '+4915123450003', 1, NULL, NULL, false, NULL, NULL, NULL, 0, NULL);
INSERT INTO public.message VALUES (7, 3, 'default', 0, '+4915123450006', '{}', 'pending', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '+4915123450006', 0, NULL, NULL, false, NULL, NULL, NULL, 0, NULL);
INSERT INTO public.message VALUES (8, 4, 'default', 0, '+4915123450007', '{"name":"Zoë"}', 'cancelled', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1796040332306, '+4915123450007', 0, NULL, NULL, false, NULL, NULL, NULL, 0, NULL);
INSERT INTO public.metric_count VALUES ('starts', '', 'sender', 1);
INSERT INTO public.metric_count VALUES ('starts', '', 'http', 1);
INSERT INTO public.metric_position VALUES ('happening', 1);
INSERT INTO public.metric_position VALUES ('event', 0);
INSERT INTO public.minute VALUES ('default', 1796040300000, 1, 2);
INSERT INTO public.minute VALUES ('default', 1796040300000, 2, 1);
INSERT INTO public.quarter VALUES (1, 1796040000000, 2, 0, 0, 0);
INSERT INTO public.quarter VALUES (2, 1796040000000, 1, 0, 0, 0);
INSERT INTO public.row_set VALUES (1, 1796040333071, true, 2, 72, true);
INSERT INTO public.row_set VALUES (2, 1796040333083, true, 1, 122, false);
INSERT INTO public.schema_migration VALUES (1, '0001_initial', '2026-11-30 12:05:29.29893');
INSERT INTO public.schema_migration VALUES (2, '0002_evidence_and_holds', '2026-11-30 12:05:29.307501');
INSERT INTO public.schema_migration VALUES (3, '0003_desk', '2026-11-30 12:05:29.342057');
INSERT INTO public.schema_migration VALUES (4, '0005_ownership', '2026-11-30 12:05:29.343907');
INSERT INTO public.schema_migration VALUES (5, '0006_handovers', '2026-11-30 12:05:29.34987');
INSERT INTO public.schema_migration VALUES (6, '0007_kinds_and_scopes', '2026-11-30 12:05:29.354386');
INSERT INTO public.schema_migration VALUES (7, '0008_heard', '2026-11-30 12:05:29.365772');
INSERT INTO public.schema_migration VALUES (8, '0009_person', '2026-11-30 12:05:29.390266');
INSERT INTO public.schema_migration VALUES (9, '0010_kept_answers', '2026-11-30 12:05:29.411851');
INSERT INTO public.schema_migration VALUES (10, '0011_receipts', '2026-11-30 12:05:29.428639');
INSERT INTO public.schema_migration VALUES (11, '0012_doubtful_uploads', '2026-11-30 12:05:29.429717');
INSERT INTO public.schema_migration VALUES (12, '0014_page_checks', '2026-11-30 12:05:29.432124');
INSERT INTO public.schema_migration VALUES (13, '0015_versions', '2026-11-30 12:05:29.434652');
INSERT INTO public.schema_migration VALUES (14, '0016_stored_files', '2026-11-30 12:05:29.443831');
INSERT INTO public.schema_migration VALUES (15, '0017_counted_ahead', '2026-11-30 12:05:29.456489');
INSERT INTO public.schema_migration VALUES (16, '0018_tallies', '2026-11-30 12:05:29.512601');
INSERT INTO public.schema_migration VALUES (17, '0019_draft_files', '2026-11-30 12:05:29.534475');
INSERT INTO public.schema_migration VALUES (18, '0021_by_state', '2026-11-30 12:05:29.537627');
INSERT INTO public.schema_migration VALUES (19, '0023_rehearsals', '2026-11-30 12:05:29.559321');
INSERT INTO public.schema_migration VALUES (20, '0024_codes', '2026-11-30 12:05:29.566464');
INSERT INTO public.schema_migration VALUES (21, '0025_known_columns', '2026-11-30 12:05:29.592778');
INSERT INTO public.schema_migration VALUES (22, '0026_parts', '2026-11-30 12:05:29.63141');
INSERT INTO public.schema_migration VALUES (23, '0027_dated', '2026-11-30 12:05:29.645135');
INSERT INTO public.schema_migration VALUES (24, '0028_views', '2026-11-30 12:05:29.706491');
INSERT INTO public.schema_migration VALUES (25, '0029_unmatched_chats', '2026-11-30 12:05:29.735473');
INSERT INTO public.schema_migration VALUES (26, '0030_rows', '2026-11-30 12:05:29.807668');
INSERT INTO public.schema_migration VALUES (27, '0031_rehearsed', '2026-11-30 12:05:29.80917');
INSERT INTO public.schema_migration VALUES (28, '0032_several_to_a_number', '2026-11-30 12:05:29.81557');
INSERT INTO public.schema_migration VALUES (29, '0033_series', '2026-11-30 12:05:29.85659');
INSERT INTO public.schema_migration VALUES (30, '0034_keys', '2026-11-30 12:05:29.901888');
INSERT INTO public.schema_migration VALUES (31, '0035_external_ids', '2026-11-30 12:05:29.911271');
INSERT INTO public.schema_migration VALUES (32, '0036_by_account', '2026-11-30 12:05:29.915428');
INSERT INTO public.schema_migration VALUES (33, '0037_happenings', '2026-11-30 12:05:29.930453');
INSERT INTO public.schema_migration VALUES (34, '0038_webhooks', '2026-11-30 12:05:29.958835');
INSERT INTO public.schema_migration VALUES (35, '0040_repeated_rows', '2026-11-30 12:05:29.963132');
INSERT INTO public.schema_migration VALUES (36, '0044_several_accounts', '2026-11-30 12:05:29.971141');
INSERT INTO public.schema_migration VALUES (37, '0045_cloud', '2026-11-30 12:05:29.988081');
INSERT INTO public.schema_migration VALUES (38, '0046_cloud_batches', '2026-11-30 12:05:30.022407');
INSERT INTO public.schema_migration VALUES (39, '0048_cloud_templates', '2026-11-30 12:05:30.032237');
INSERT INTO public.schema_migration VALUES (40, '0050_changed_keys', '2026-11-30 12:05:30.033754');
INSERT INTO public.schema_migration VALUES (41, '0055_portfolios', '2026-11-30 12:05:30.047728');
INSERT INTO public.schema_migration VALUES (42, '0056_own_delays', '2026-11-30 12:05:30.051491');
INSERT INTO public.schema_migration VALUES (43, '0060_interruptions', '2026-11-30 12:05:30.063627');
INSERT INTO public.schema_migration VALUES (44, '0070_metrics', '2026-11-30 12:05:30.074509');
INSERT INTO public.suppression VALUES ('+4915123450002', 'asked', 'api', 1796040331626, NULL, '+4915123450002');
INSERT INTO public.tally VALUES (1, 1796040331000, 2, 0, 0, 1);
INSERT INTO public.tally VALUES (2, 1796040332000, 1, 0, 0, 0);
INSERT INTO public.tally VALUES (4, 1796040332000, 0, 0, 0, 1);
INSERT INTO public.upload VALUES ('9fa0ba2adf9a191b', 'people.csv', 1796040333073, 3, 0, '["name"]', 'Phone', NULL, 194, 1796040333073, 1, 2, NULL, NULL);
SELECT pg_catalog.setval('public.api_key_id_seq', 1, false);
SELECT pg_catalog.setval('public.cloud_batch_id_seq', 1, false);
SELECT pg_catalog.setval('public.cloud_template_id_seq', 1, false);
SELECT pg_catalog.setval('public.contact_list_id_seq', 1, false);
SELECT pg_catalog.setval('public.delivery_id_seq', 1, false);
SELECT pg_catalog.setval('public.event_id_seq', 19, true);
SELECT pg_catalog.setval('public.evidence_id_seq', 1, false);
SELECT pg_catalog.setval('public.handover_id_seq', 3, true);
SELECT pg_catalog.setval('public.happening_id_seq', 10, true);
SELECT pg_catalog.setval('public.job_id_seq', 4, true);
SELECT pg_catalog.setval('public.job_step_id_seq', 2, true);
SELECT pg_catalog.setval('public.key_secret_id_seq', 1, false);
SELECT pg_catalog.setval('public.list_entry_id_seq', 1, false);
SELECT pg_catalog.setval('public.message_id_seq', 8, true);
SELECT pg_catalog.setval('public.old_stop_id_seq', 1, false);
SELECT pg_catalog.setval('public.opened_chat_id_seq', 1, false);
SELECT pg_catalog.setval('public.portfolio_person_id_seq', 1, false);
SELECT pg_catalog.setval('public.removal_id_seq', 1, false);
SELECT pg_catalog.setval('public.reply_id_seq', 1, false);
SELECT pg_catalog.setval('public.row_set_id_seq', 2, true);
SELECT pg_catalog.setval('public.schema_migration_id_seq', 44, true);
SELECT pg_catalog.setval('public.series_id_seq', 1, false);
SELECT pg_catalog.setval('public.template_id_seq', 1, false);
SELECT pg_catalog.setval('public.unmatched_chat_id_seq', 1, false);
SELECT pg_catalog.setval('public.user_id_seq', 1, false);
SELECT pg_catalog.setval('public.webhook_id_seq', 1, false);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.answer
    ADD CONSTRAINT answer_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.attachment
    ADD CONSTRAINT attachment_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.cloud_batch
    ADD CONSTRAINT cloud_batch_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.cloud_count
    ADD CONSTRAINT cloud_count_pkey PRIMARY KEY (account, kind);
ALTER TABLE ONLY public.cloud_progress
    ADD CONSTRAINT cloud_progress_pkey PRIMARY KEY (batch);
ALTER TABLE ONLY public.cloud_seen
    ADD CONSTRAINT cloud_seen_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.cloud_standing
    ADD CONSTRAINT cloud_standing_pkey PRIMARY KEY (account);
ALTER TABLE ONLY public.cloud_template
    ADD CONSTRAINT cloud_template_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.contact_list
    ADD CONSTRAINT contact_list_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.draft
    ADD CONSTRAINT draft_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.duty
    ADD CONSTRAINT duty_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.handover
    ADD CONSTRAINT handover_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.happening
    ADD CONSTRAINT happening_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (scope, key);
ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.job_step
    ADD CONSTRAINT job_step_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.kept_answer
    ADD CONSTRAINT kept_answer_pkey PRIMARY KEY (operation, caller, key);
ALTER TABLE ONLY public.kept_media
    ADD CONSTRAINT kept_media_pkey PRIMARY KEY (number, attachment);
ALTER TABLE ONLY public.kept_row
    ADD CONSTRAINT kept_row_pkey PRIMARY KEY (set_id, n);
ALTER TABLE ONLY public.key_secret
    ADD CONSTRAINT key_secret_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.known_columns
    ADD CONSTRAINT known_columns_pkey PRIMARY KEY (shape);
ALTER TABLE ONLY public.known_user
    ADD CONSTRAINT known_user_pkey PRIMARY KEY (bsuid);
ALTER TABLE ONLY public.last_wrote
    ADD CONSTRAINT last_wrote_pkey PRIMARY KEY (account, person);
ALTER TABLE ONLY public.list_entry
    ADD CONSTRAINT list_entry_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.login_failure
    ADD CONSTRAINT login_failure_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.message_part
    ADD CONSTRAINT message_part_pkey PRIMARY KEY (message_id, part);
ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.metric_count
    ADD CONSTRAINT metric_count_pkey PRIMARY KEY (name, account, label);
ALTER TABLE ONLY public.metric_position
    ADD CONSTRAINT metric_position_pkey PRIMARY KEY (history);
ALTER TABLE ONLY public.minute
    ADD CONSTRAINT minute_pkey PRIMARY KEY (account, at, job);
ALTER TABLE ONLY public.old_stop
    ADD CONSTRAINT old_stop_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.opened_chat
    ADD CONSTRAINT opened_chat_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.page_check
    ADD CONSTRAINT page_check_pkey PRIMARY KEY (account);
ALTER TABLE ONLY public.picture
    ADD CONSTRAINT picture_pkey PRIMARY KEY (account);
ALTER TABLE ONLY public.portfolio_person
    ADD CONSTRAINT portfolio_person_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.portfolio
    ADD CONSTRAINT portfolio_pkey PRIMARY KEY (business);
ALTER TABLE ONLY public.quarter
    ADD CONSTRAINT quarter_pkey PRIMARY KEY (job_id, at);
ALTER TABLE ONLY public.reason
    ADD CONSTRAINT reason_pkey PRIMARY KEY (job_id, code);
ALTER TABLE ONLY public.removal
    ADD CONSTRAINT removal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.reply
    ADD CONSTRAINT reply_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.row_set
    ADD CONSTRAINT row_set_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (series_id, at);
ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.suppression
    ADD CONSTRAINT suppression_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.tally
    ADD CONSTRAINT tally_pkey PRIMARY KEY (job_id, at);
ALTER TABLE ONLY public.template
    ADD CONSTRAINT template_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.throughput
    ADD CONSTRAINT throughput_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.unmatched_chat
    ADD CONSTRAINT unmatched_chat_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.upload
    ADD CONSTRAINT upload_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX api_key_name ON public.api_key USING btree (name) WHERE (revoked_at IS NULL);
CREATE INDEX cloud_seen_at ON public.cloud_seen USING btree (at);
CREATE UNIQUE INDEX cloud_template_account_name_language ON public.cloud_template USING btree (account, name, language);
CREATE UNIQUE INDEX contact_list_name ON public.contact_list USING btree (name);
CREATE INDEX delivery_due ON public.delivery USING btree (webhook_id, due_at, id) WHERE ((state)::text = 'waiting'::text);
CREATE INDEX delivery_ended ON public.delivery USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX delivery_topic ON public.delivery USING btree (webhook_id, topic, id) WHERE ((state)::text = 'waiting'::text);
CREATE INDEX delivery_webhook_id_id ON public.delivery USING btree (webhook_id, id);
CREATE UNIQUE INDEX delivery_webhook_id_source ON public.delivery USING btree (webhook_id, source);
CREATE INDEX delivery_webhook_id_state_id ON public.delivery USING btree (webhook_id, state, id);
CREATE INDEX draft_job_id ON public.draft USING btree (job_id);
CREATE INDEX event_message_id ON public.event USING btree (message_id);
CREATE INDEX event_told ON public.event USING btree (id, move) WHERE ((move)::text <> 'enqueue'::text);
CREATE INDEX evidence_message_id ON public.evidence USING btree (message_id);
CREATE INDEX handover_account_at ON public.handover USING btree (account, at);
CREATE INDEX handover_message_id ON public.handover USING btree (message_id);
CREATE INDEX handover_person_at ON public.handover USING btree (person, at);
CREATE INDEX happening_at ON public.happening USING btree (at);
CREATE INDEX job_account_id ON public.job USING btree (account, id);
CREATE INDEX job_account_state ON public.job USING btree (account, state);
CREATE INDEX job_archived_at_id ON public.job USING btree (archived_at, id);
CREATE INDEX job_external_id ON public.job USING btree (external_id, id) WHERE (external_id IS NOT NULL);
CREATE INDEX job_step_job_id ON public.job_step USING btree (job_id);
CREATE INDEX job_unconfirmed ON public.job USING btree (id) WHERE (unconfirmed IS NOT NULL);
CREATE INDEX keptanswer_created_at ON public.kept_answer USING btree (created_at);
CREATE INDEX key_secret_key_id ON public.key_secret USING btree (key_id);
CREATE INDEX key_secret_prefix ON public.key_secret USING btree (prefix);
CREATE INDEX known_user_at ON public.known_user USING btree (at);
CREATE INDEX lastwrote_account_at ON public.last_wrote USING btree (account, at);
CREATE INDEX list_entry_list_id_id ON public.list_entry USING btree (list_id, id);
CREATE UNIQUE INDEX list_entry_list_id_number ON public.list_entry USING btree (list_id, number);
CREATE INDEX list_entry_list_id_person ON public.list_entry USING btree (list_id, person);
CREATE INDEX message_accepted ON public.message USING btree (account, accepted_at) WHERE ((state)::text = 'accepted'::text);
CREATE INDEX message_account_person ON public.message USING btree (account, person);
CREATE INDEX message_account_state ON public.message USING btree (account, state);
CREATE INDEX message_account_submitted_at ON public.message USING btree (account, submitted_at);
CREATE INDEX message_expires_at ON public.message USING btree (expires_at) WHERE (expires_at IS NOT NULL);
CREATE INDEX message_external_id ON public.message USING btree (external_id, id) WHERE (external_id IS NOT NULL);
CREATE INDEX message_failed_by ON public.message USING btree (job_id, failed_by, id) WHERE (failed_by IS NOT NULL);
CREATE INDEX message_job_id_id ON public.message USING btree (job_id, id);
CREATE UNIQUE INDEX message_job_id_number_nth ON public.message USING btree (job_id, number, nth);
CREATE INDEX message_job_id_sent_at ON public.message USING btree (job_id, sent_at);
CREATE INDEX message_job_id_state_id ON public.message USING btree (job_id, state, id);
CREATE INDEX message_job_id_state_not_before_id ON public.message USING btree (job_id, state, not_before, id);
CREATE INDEX message_known ON public.message USING btree (job_id, state, not_before, id) WHERE known;
CREATE INDEX message_lease_until ON public.message USING btree (lease_until) WHERE (lease_until IS NOT NULL);
CREATE INDEX message_part_transport_id ON public.message_part USING btree (transport_id) WHERE (transport_id IS NOT NULL);
CREATE INDEX message_person_submitted_at ON public.message USING btree (person, submitted_at) WHERE (submitted_at IS NOT NULL);
CREATE INDEX message_transport_id ON public.message USING btree (transport_id) WHERE (transport_id IS NOT NULL);
CREATE UNIQUE INDEX old_stop_account_key ON public.old_stop USING btree (account, key);
CREATE INDEX opened_chat_account_person ON public.opened_chat USING btree (account, person);
CREATE INDEX portfolio_person_business_at ON public.portfolio_person USING btree (business, at);
CREATE UNIQUE INDEX portfolio_person_business_person ON public.portfolio_person USING btree (business, person);
CREATE INDEX portfolio_person_message ON public.portfolio_person USING btree (message);
CREATE INDEX quarter_at ON public.quarter USING btree (at);
CREATE INDEX removal_number ON public.removal USING btree (number);
CREATE INDEX reply_account_id ON public.reply USING btree (account, id);
CREATE UNIQUE INDEX reply_account_key ON public.reply USING btree (account, key);
CREATE INDEX reply_account_person ON public.reply USING btree (account, person);
CREATE INDEX reply_at ON public.reply USING btree (at);
CREATE INDEX reply_fresh ON public.reply USING btree (id) WHERE fresh;
CREATE INDEX reply_message_id ON public.reply USING btree (message_id);
CREATE INDEX reply_stop ON public.reply USING btree (id) WHERE stop;
CREATE INDEX run_job_id ON public.run USING btree (job_id);
CREATE UNIQUE INDEX schema_migration_name ON public.schema_migration USING btree (name);
CREATE UNIQUE INDEX series_draft ON public.series USING btree (draft);
CREATE INDEX series_state_next_at ON public.series USING btree (state, next_at);
CREATE INDEX session_user_id ON public.session USING btree (user_id);
CREATE INDEX suppression_created_at_number ON public.suppression USING btree (created_at, number);
CREATE INDEX suppression_person ON public.suppression USING btree (person);
CREATE UNIQUE INDEX template_name ON public.template USING btree (name);
CREATE UNIQUE INDEX unmatched_chat_account_title ON public.unmatched_chat USING btree (account, title);
CREATE INDEX upload_used_at_size ON public.upload USING btree (used_at, size);
CREATE UNIQUE INDEX user_name ON public."user" USING btree (name);
ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhook(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.draft
    ADD CONSTRAINT draft_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_message_id_fkey FOREIGN KEY (message_id) REFERENCES public.message(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_message_id_fkey FOREIGN KEY (message_id) REFERENCES public.message(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.handover
    ADD CONSTRAINT handover_message_id_fkey FOREIGN KEY (message_id) REFERENCES public.message(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.job_step
    ADD CONSTRAINT job_step_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.kept_row
    ADD CONSTRAINT kept_row_set_id_fkey FOREIGN KEY (set_id) REFERENCES public.row_set(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.key_secret
    ADD CONSTRAINT key_secret_key_id_fkey FOREIGN KEY (key_id) REFERENCES public.api_key(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.list_entry
    ADD CONSTRAINT list_entry_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.contact_list(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.message_part
    ADD CONSTRAINT message_part_message_id_fkey FOREIGN KEY (message_id) REFERENCES public.message(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.quarter
    ADD CONSTRAINT quarter_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.reason
    ADD CONSTRAINT reason_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.reply
    ADD CONSTRAINT reply_message_id_fkey FOREIGN KEY (message_id) REFERENCES public.message(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_series_id_fkey FOREIGN KEY (series_id) REFERENCES public.series(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.tally
    ADD CONSTRAINT tally_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id) ON DELETE CASCADE;
