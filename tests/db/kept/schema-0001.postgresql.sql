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
    streak integer NOT NULL
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
    cancelled integer NOT NULL
);
CREATE SEQUENCE public.job_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.job_id_seq OWNED BY public.job.id;
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
    read_at bigint
);
CREATE SEQUENCE public.message_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.message_id_seq OWNED BY public.message.id;
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
CREATE TABLE public.suppression (
    number character varying(20) NOT NULL,
    reason text NOT NULL,
    source character varying(255) NOT NULL,
    created_at bigint NOT NULL
);
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
ALTER TABLE ONLY public.event ALTER COLUMN id SET DEFAULT nextval('public.event_id_seq'::regclass);
ALTER TABLE ONLY public.job ALTER COLUMN id SET DEFAULT nextval('public.job_id_seq'::regclass);
ALTER TABLE ONLY public.message ALTER COLUMN id SET DEFAULT nextval('public.message_id_seq'::regclass);
ALTER TABLE ONLY public.schema_migration ALTER COLUMN id SET DEFAULT nextval('public.schema_migration_id_seq'::regclass);
INSERT INTO public.account VALUES ('default', 'ready', NULL, 'Dry run: nothing leaves this machine.', NULL, NULL, 1796040746066, 1796041347337, 'pause', 1796040747337, 3);
INSERT INTO public.event VALUES (1, 1, 1796040746651, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (2, 2, 1796040746651, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (3, 3, 1796040746651, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (4, 1, 1796040746883, 'sender', 'claim', 'pending', 'claimed', NULL, NULL);
INSERT INTO public.event VALUES (5, 1, 1796040746931, 'sender', 'submit', 'claimed', 'sending', NULL, '9af757d9b89c8a6f');
INSERT INTO public.event VALUES (6, 1, 1796040746959, 'sender', 'confirm', 'sending', 'sent', NULL, '9af757d9b89c8a6f');
INSERT INTO public.event VALUES (7, 2, 1796040746966, 'sender', 'claim', 'pending', 'claimed', NULL, NULL);
INSERT INTO public.event VALUES (8, 2, 1796040746974, 'sender', 'submit', 'claimed', 'sending', NULL, '2fe4bbe702b596f5');
INSERT INTO public.event VALUES (9, 2, 1796040746982, 'sender', 'confirm', 'sending', 'sent', NULL, '2fe4bbe702b596f5');
INSERT INTO public.event VALUES (10, 3, 1796040746998, 'sender', 'skip', 'pending', 'skipped', 'is on the suppression list', NULL);
INSERT INTO public.event VALUES (11, 4, 1796040747048, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (12, 5, 1796040747048, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (13, 6, 1796040747048, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (14, 4, 1796040747281, 'sender', 'claim', 'pending', 'claimed', NULL, NULL);
INSERT INTO public.event VALUES (15, 4, 1796040747315, 'sender', 'submit', 'claimed', 'sending', NULL, 'ae1e745fa517579d');
INSERT INTO public.event VALUES (16, 4, 1796040747337, 'sender', 'confirm', 'sending', 'sent', NULL, 'ae1e745fa517579d');
INSERT INTO public.event VALUES (17, 7, 1796040747390, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (18, 8, 1796040747406, 'api', 'enqueue', NULL, 'pending', NULL, NULL);
INSERT INTO public.event VALUES (19, 8, 1796040747448, 'api', 'cancel', 'pending', 'cancelled', 'the job was stopped', NULL);
INSERT INTO public.job VALUES (1, 'default', 'Done', 'Hello', '[]', 'completed', NULL, 0, 0, NULL, 1796040746651, 1796040746883, 1796040746998, 1796040746998, 3, '[]', '[[4,"nobody","This holds letters or signs that are not part of a telephone number."]]', 0, 0, 0, 2, 0, 0, 0, 0, 1, 0);
INSERT INTO public.job VALUES (2, 'default', 'Paused', 'Hello', '[]', 'paused', NULL, 600000, 600000, NULL, 1796040747048, 1796040747281, NULL, 1796040747281, 3, '[]', '[]', 2, 0, 0, 1, 0, 0, 0, 0, 0, 0);
INSERT INTO public.job VALUES (3, 'default', 'Later', 'Hello', '[]', 'scheduled', NULL, 0, 0, 1827576746000, 1796040747390, NULL, NULL, 0, 1, '[]', '[]', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO public.job VALUES (4, 'default', 'Stopped', 'Hello', '[]', 'stopped', NULL, 0, 0, 1827576746000, 1796040747406, NULL, 1796040747448, 0, 1, '["name"]', '[]', 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
INSERT INTO public.message VALUES (1, 1, 'default', 0, '+4915123450000', '{}', 'sent', 1, 0, NULL, NULL, '{"last_own": "0", "painted": true}', NULL, 'dryrun-0', 1796040746931, 1796040746959, NULL, NULL);
INSERT INTO public.message VALUES (2, 1, 'default', 1, '+4915123450001', '{}', 'sent', 1, 0, NULL, NULL, '{"last_own": "151", "painted": true}', NULL, 'dryrun-151', 1796040746974, 1796040746982, NULL, NULL);
INSERT INTO public.message VALUES (3, 1, 'default', 2, '+4915123450002', '{}', 'skipped', 0, 0, NULL, NULL, NULL, 'is on the suppression list', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.message VALUES (5, 2, 'default', 1, '+4915123450004', '{}', 'pending', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.message VALUES (6, 2, 'default', 2, '+4915123450005', '{}', 'pending', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.message VALUES (4, 2, 'default', 0, '+4915123450003', '{}', 'sent', 1, 0, NULL, NULL, '{"last_own": "302", "painted": true}', NULL, 'dryrun-302', 1796040747315, 1796040747337, NULL, NULL);
INSERT INTO public.message VALUES (7, 3, 'default', 0, '+4915123450006', '{}', 'pending', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.message VALUES (8, 4, 'default', 0, '+4915123450007', '{"name":"Zoë"}', 'cancelled', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.schema_migration VALUES (1, '0001_initial', '2026-11-30 12:12:25.867198');
INSERT INTO public.suppression VALUES ('+4915123450002', 'asked', 'api', 1796040746608);
INSERT INTO public.upload VALUES ('55086db2b15737b8', 'people.csv', 1796040747493, 3, 0, '["name"]', 'Phone', '[[2,"+4915123450020",{"name":"Ada"}],[3,"+4915123450021",{"name":"Grace"}]]', '[[4,"nobody","This holds letters or signs that are not part of a telephone number."]]');
SELECT pg_catalog.setval('public.event_id_seq', 19, true);
SELECT pg_catalog.setval('public.job_id_seq', 4, true);
SELECT pg_catalog.setval('public.message_id_seq', 8, true);
SELECT pg_catalog.setval('public.schema_migration_id_seq', 1, true);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.answer
    ADD CONSTRAINT answer_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.attachment
    ADD CONSTRAINT attachment_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.suppression
    ADD CONSTRAINT suppression_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.upload
    ADD CONSTRAINT upload_pkey PRIMARY KEY (id);
CREATE INDEX event_message_id ON public.event USING btree (message_id);
CREATE INDEX job_account_state ON public.job USING btree (account, state);
CREATE INDEX message_account_state ON public.message USING btree (account, state);
CREATE INDEX message_account_submitted_at ON public.message USING btree (account, submitted_at);
CREATE INDEX message_job_id ON public.message USING btree (job_id);
CREATE UNIQUE INDEX message_job_id_number ON public.message USING btree (job_id, number);
CREATE INDEX message_job_id_state_not_before_id ON public.message USING btree (job_id, state, not_before, id);
CREATE UNIQUE INDEX schema_migration_name ON public.schema_migration USING btree (name);
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_message_id_fkey FOREIGN KEY (message_id) REFERENCES public.message(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.job(id) ON DELETE CASCADE;
