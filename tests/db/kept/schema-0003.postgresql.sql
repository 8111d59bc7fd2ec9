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
    screenshot_at bigint
);
CREATE TABLE public.answer (
    key character varying(255) NOT NULL,
    request character varying(64) NOT NULL,
    response text NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.attachment (
    id character varying(32) NOT NULL,
    filename text NOT NULL,
    kind character varying(255) NOT NULL,
    mimetype character varying(255) NOT NULL,
    size bigint NOT NULL,
    sha256 character varying(64) NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.contact_list (
    id integer NOT NULL,
    name character varying(120) NOT NULL,
    columns text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE SEQUENCE public.contact_list_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.contact_list_id_seq OWNED BY public.contact_list.id;
CREATE TABLE public.draft (
    id character varying(32) NOT NULL,
    name text NOT NULL,
    data text NOT NULL,
    version integer NOT NULL,
    created_by character varying(64) NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    sheet text,
    audience text,
    report text,
    job_id integer
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
    lease character varying(255)
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
    screenshot bytea
);
CREATE SEQUENCE public.evidence_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.evidence_id_seq OWNED BY public.evidence.id;
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
    cloned_from integer
);
CREATE SEQUENCE public.job_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.job_id_seq OWNED BY public.job.id;
CREATE TABLE public.list_entry (
    id integer NOT NULL,
    list_id integer NOT NULL,
    number character varying(20) NOT NULL,
    fields text NOT NULL
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
    ended_at bigint
);
CREATE SEQUENCE public.message_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.message_id_seq OWNED BY public.message.id;
CREATE TABLE public.picture (
    account character varying(32) NOT NULL,
    at bigint NOT NULL,
    png bytea NOT NULL
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
    message_id integer
);
CREATE SEQUENCE public.reply_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.reply_id_seq OWNED BY public.reply.id;
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
    confirmed_at bigint
);
CREATE TABLE public.template (
    id integer NOT NULL,
    name character varying(120) NOT NULL,
    text text NOT NULL,
    attachments text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE SEQUENCE public.template_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.template_id_seq OWNED BY public.template.id;
CREATE TABLE public.upload (
    id character varying(32) NOT NULL,
    filename text NOT NULL,
    created_at bigint NOT NULL,
    total integer NOT NULL,
    duplicates integer NOT NULL,
    columns text NOT NULL,
    phone_column text,
    contacts text NOT NULL,
    rejected text NOT NULL
);
CREATE TABLE public."user" (
    id integer NOT NULL,
    name character varying(64) NOT NULL,
    role character varying(16) NOT NULL,
    password character varying(255) NOT NULL,
    language character varying(8),
    created_at bigint NOT NULL,
    disabled_at bigint
);
CREATE SEQUENCE public.user_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.user_id_seq OWNED BY public."user".id;
ALTER TABLE ONLY public.contact_list ALTER COLUMN id SET DEFAULT nextval('public.contact_list_id_seq'::regclass);
ALTER TABLE ONLY public.event ALTER COLUMN id SET DEFAULT nextval('public.event_id_seq'::regclass);
ALTER TABLE ONLY public.evidence ALTER COLUMN id SET DEFAULT nextval('public.evidence_id_seq'::regclass);
ALTER TABLE ONLY public.job ALTER COLUMN id SET DEFAULT nextval('public.job_id_seq'::regclass);
ALTER TABLE ONLY public.list_entry ALTER COLUMN id SET DEFAULT nextval('public.list_entry_id_seq'::regclass);
ALTER TABLE ONLY public.message ALTER COLUMN id SET DEFAULT nextval('public.message_id_seq'::regclass);
ALTER TABLE ONLY public.removal ALTER COLUMN id SET DEFAULT nextval('public.removal_id_seq'::regclass);
ALTER TABLE ONLY public.reply ALTER COLUMN id SET DEFAULT nextval('public.reply_id_seq'::regclass);
ALTER TABLE ONLY public.schema_migration ALTER COLUMN id SET DEFAULT nextval('public.schema_migration_id_seq'::regclass);
ALTER TABLE ONLY public.template ALTER COLUMN id SET DEFAULT nextval('public.template_id_seq'::regclass);
ALTER TABLE ONLY public."user" ALTER COLUMN id SET DEFAULT nextval('public.user_id_seq'::regclass);
INSERT INTO public.account VALUES ('default', 'ready', NULL, 'Dry run: nothing leaves this machine.', NULL, NULL, 0, 1796041385883, 'pause', 1796040785883, 3, false, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.event VALUES (1, 1, 1796040785338, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (2, 2, 1796040785338, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (3, 3, 1796040785338, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (4, 1, 1796040785551, 'sender', 'claim', 'pending', 'claimed', NULL, NULL);
INSERT INTO public.event VALUES (5, 1, 1796040785585, 'sender', 'submit', 'claimed', 'sending', NULL, '41b9b4288fcb760c');
INSERT INTO public.event VALUES (6, 1, 1796040785589, 'sender', 'confirm', 'sending', 'sent', NULL, '41b9b4288fcb760c');
INSERT INTO public.event VALUES (7, 2, 1796040785592, 'sender', 'claim', 'pending', 'claimed', NULL, NULL);
INSERT INTO public.event VALUES (8, 2, 1796040785597, 'sender', 'submit', 'claimed', 'sending', NULL, 'dd92c2166ac9a9b2');
INSERT INTO public.event VALUES (9, 2, 1796040785599, 'sender', 'confirm', 'sending', 'sent', NULL, 'dd92c2166ac9a9b2');
INSERT INTO public.event VALUES (10, 3, 1796040785601, 'sender', 'skip', 'pending', 'skipped', 'is on the suppression list', NULL);
INSERT INTO public.event VALUES (11, 4, 1796040785644, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (12, 5, 1796040785644, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (13, 6, 1796040785644, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (14, 4, 1796040785864, 'sender', 'claim', 'pending', 'claimed', NULL, NULL);
INSERT INTO public.event VALUES (15, 4, 1796040785880, 'sender', 'submit', 'claimed', 'sending', NULL, '50831d5c4af25315');
INSERT INTO public.event VALUES (16, 4, 1796040785883, 'sender', 'confirm', 'sending', 'sent', NULL, '50831d5c4af25315');
INSERT INTO public.event VALUES (17, 7, 1796040785966, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (18, 8, 1796040785990, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (19, 8, 1796040786018, 'api', 'cancel', 'pending', 'cancelled', 'the job was stopped', NULL);
INSERT INTO public.job VALUES (1, 'default', 'Done', 'Hello', '[]', 'completed', NULL, 0, 0, NULL, 1796040785338, 1796040785551, 1796040785601, 1796040785601, 3, '[]', '[[4,"nobody","This holds letters or signs that are not part of a telephone number."]]', 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, NULL, 0, 0, NULL);
INSERT INTO public.job VALUES (2, 'default', 'Paused', 'Hello', '[]', 'paused', NULL, 600000, 600000, NULL, 1796040785644, 1796040785864, NULL, 1796040785864, 3, '[]', '[]', 2, 0, 0, 1, 0, 0, 0, 0, 0, 0, NULL, 0, 0, NULL);
INSERT INTO public.job VALUES (3, 'default', 'Later', 'Hello', '[]', 'scheduled', NULL, 0, 0, 1827576785000, 1796040785966, NULL, NULL, 0, 1, '[]', '[]', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0, NULL);
INSERT INTO public.job VALUES (4, 'default', 'Stopped', 'Hello', '[]', 'stopped', NULL, 0, 0, 1827576785000, 1796040785990, NULL, 1796040786018, 0, 1, '["name"]', '[]', 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, NULL, 0, 0, NULL);
INSERT INTO public.message VALUES (1, 1, 'default', 0, '+4915123450000', '{}', 'sent', 1, 0, NULL, NULL, '{"last_own": "0"}', NULL, 'dryrun-0', 1796040785585, 1796040785589, NULL, NULL, NULL, NULL);
INSERT INTO public.message VALUES (2, 1, 'default', 1, '+4915123450001', '{}', 'sent', 1, 0, NULL, NULL, '{"last_own": "151"}', NULL, 'dryrun-151', 1796040785597, 1796040785599, NULL, NULL, NULL, NULL);
INSERT INTO public.message VALUES (3, 1, 'default', 2, '+4915123450002', '{}', 'skipped', 0, 0, NULL, NULL, NULL, 'is on the suppression list', NULL, NULL, NULL, NULL, NULL, NULL, 1796040785601);
INSERT INTO public.message VALUES (5, 2, 'default', 1, '+4915123450004', '{}', 'pending', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.message VALUES (6, 2, 'default', 2, '+4915123450005', '{}', 'pending', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.message VALUES (4, 2, 'default', 0, '+4915123450003', '{}', 'sent', 1, 0, NULL, NULL, '{"last_own": "302"}', NULL, 'dryrun-302', 1796040785880, 1796040785883, NULL, NULL, NULL, NULL);
INSERT INTO public.message VALUES (7, 3, 'default', 0, '+4915123450006', '{}', 'pending', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.message VALUES (8, 4, 'default', 0, '+4915123450007', '{"name":"Zoë"}', 'cancelled', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1796040786018);
INSERT INTO public.schema_migration VALUES (1, '0001_initial', '2026-11-30 12:13:04.468417');
INSERT INTO public.schema_migration VALUES (2, '0002_evidence_and_holds', '2026-11-30 12:13:04.501798');
INSERT INTO public.schema_migration VALUES (3, '0003_desk', '2026-11-30 12:13:04.710981');
INSERT INTO public.suppression VALUES ('+4915123450002', 'asked', 'api', 1796040785316, NULL);
INSERT INTO public.upload VALUES ('9c15479b69dd18f0', 'people.csv', 1796040786035, 3, 0, '["name"]', 'Phone', '[[2,"+4915123450020",{"name":"Ada"}],[3,"+4915123450021",{"name":"Grace"}]]', '[[4,"nobody","This holds letters or signs that are not part of a telephone number."]]');
SELECT pg_catalog.setval('public.contact_list_id_seq', 1, false);
SELECT pg_catalog.setval('public.event_id_seq', 19, true);
SELECT pg_catalog.setval('public.evidence_id_seq', 1, false);
SELECT pg_catalog.setval('public.job_id_seq', 4, true);
SELECT pg_catalog.setval('public.list_entry_id_seq', 1, false);
SELECT pg_catalog.setval('public.message_id_seq', 8, true);
SELECT pg_catalog.setval('public.removal_id_seq', 1, false);
SELECT pg_catalog.setval('public.reply_id_seq', 1, false);
SELECT pg_catalog.setval('public.schema_migration_id_seq', 3, true);
SELECT pg_catalog.setval('public.template_id_seq', 1, false);
SELECT pg_catalog.setval('public.user_id_seq', 1, false);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.answer
    ADD CONSTRAINT answer_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.attachment
    ADD CONSTRAINT attachment_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.contact_list
    ADD CONSTRAINT contact_list_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.draft
    ADD CONSTRAINT draft_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.list_entry
    ADD CONSTRAINT list_entry_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.login_failure
    ADD CONSTRAINT login_failure_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.picture
    ADD CONSTRAINT picture_pkey PRIMARY KEY (account);
ALTER TABLE ONLY public.removal
    ADD CONSTRAINT removal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.reply
    ADD CONSTRAINT reply_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.suppression
    ADD CONSTRAINT suppression_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.template
    ADD CONSTRAINT template_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.upload
    ADD CONSTRAINT upload_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX contact_list_name ON public.contact_list USING btree (name);
CREATE INDEX draft_job_id ON public.draft USING btree (job_id);
CREATE INDEX event_message_id ON public.event USING btree (message_id);
CREATE INDEX evidence_message_id ON public.evidence USING btree (message_id);
CREATE INDEX job_account_state ON public.job USING btree (account, state);
CREATE INDEX list_entry_list_id_id ON public.list_entry USING btree (list_id, id);
CREATE UNIQUE INDEX list_entry_list_id_number ON public.list_entry USING btree (list_id, number);
CREATE INDEX message_account_number ON public.message USING btree (account, number);
CREATE INDEX message_account_state ON public.message USING btree (account, state);
CREATE INDEX message_account_submitted_at ON public.message USING btree (account, submitted_at);
CREATE INDEX message_job_id_id ON public.message USING btree (job_id, id);
CREATE UNIQUE INDEX message_job_id_number ON public.message USING btree (job_id, number);
CREATE INDEX message_job_id_sent_at ON public.message USING btree (job_id, sent_at);
CREATE INDEX message_job_id_state_not_before_id ON public.message USING btree (job_id, state, not_before, id);
CREATE INDEX message_number_submitted_at ON public.message USING btree (number, submitted_at) WHERE (submitted_at IS NOT NULL);
CREATE INDEX removal_number ON public.removal USING btree (number);
CREATE UNIQUE INDEX reply_account_key ON public.reply USING btree (account, key);
CREATE INDEX reply_at ON public.reply USING btree (at);
CREATE INDEX reply_message_id ON public.reply USING btree (message_id);
CREATE UNIQUE INDEX schema_migration_name ON public.schema_migration USING btree (name);
CREATE INDEX session_user_id ON public.session USING btree (user_id);
CREATE INDEX suppression_created_at_number ON public.suppression USING btree (created_at, number);
CREATE UNIQUE INDEX template_name ON public.template USING btree (name);
CREATE UNIQUE INDEX user_name ON public."user" USING btree (name);
ALTER TABLE ONLY public.draft
    ADD CONSTRAINT draft_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_message_id_fkey FOREIGN KEY (message_id) REFERENCES public.message(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_message_id_fkey FOREIGN KEY (message_id) REFERENCES public.message(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.list_entry
    ADD CONSTRAINT list_entry_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.contact_list(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.reply
    ADD CONSTRAINT reply_message_id_fkey FOREIGN KEY (message_id) REFERENCES public.message(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE CASCADE;
