CREATE TABLE alembic_version (
	version_num TEXT NOT NULL, 
	PRIMARY KEY (version_num)
);
CREATE TABLE attempts (
	id TEXT NOT NULL, 
	rotation_id TEXT NOT NULL, 
	mode TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	manual BOOLEAN NOT NULL, 
	started_at BIGINT, 
	tenant_id TEXT NOT NULL, 
	object_id TEXT NOT NULL, 
	client_id TEXT NOT NULL, 
	app_name TEXT NOT NULL, 
	mapping TEXT NOT NULL, 
	due_slot BIGINT, 
	resume_at BIGINT, 
	ended_at BIGINT, 
	outcome TEXT, 
	message TEXT NOT NULL, 
	accept_outage TEXT NOT NULL, 
	request_id TEXT NOT NULL, 
	connection TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX attempts_by_connection ON attempts (connection, started_at);
CREATE INDEX attempts_by_rotation ON attempts (rotation_id, started_at);
CREATE INDEX attempts_open ON attempts (rotation_id) WHERE ended_at IS NULL;
CREATE TABLE audit (
	node TEXT NOT NULL, 
	n INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	identity_id TEXT NOT NULL, 
	address TEXT NOT NULL, 
	request_id TEXT NOT NULL, 
	facts TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (node, n)
)
 WITHOUT ROWID;
CREATE INDEX audit_by_time ON audit (at);
CREATE TABLE connection_failures (
	connection TEXT NOT NULL, 
	rotation_id TEXT NOT NULL, 
	at BIGINT, 
	PRIMARY KEY (connection, rotation_id)
)
 WITHOUT ROWID;
CREATE TABLE connection_health (
	connection TEXT NOT NULL, 
	opened_at BIGINT, 
	probe_at BIGINT, 
	message TEXT NOT NULL, 
	PRIMARY KEY (connection)
)
 WITHOUT ROWID;
CREATE TABLE connection_state (
	connection TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	updated_at BIGINT, 
	PRIMARY KEY (connection)
)
 WITHOUT ROWID;
CREATE TABLE connections (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	project TEXT NOT NULL, 
	document TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
CREATE TABLE credentials (
	key_id TEXT NOT NULL, 
	rotation_id TEXT NOT NULL, 
	tenant_id TEXT NOT NULL, 
	object_id TEXT NOT NULL, 
	client_id TEXT NOT NULL, 
	app_name TEXT NOT NULL, 
	display_name TEXT NOT NULL, 
	starts_at BIGINT, 
	expires_at BIGINT, 
	state TEXT NOT NULL, 
	hint TEXT NOT NULL, 
	attempt_id TEXT NOT NULL, 
	adopted BOOLEAN NOT NULL, 
	slot INTEGER NOT NULL, 
	issued_at BIGINT, 
	promoted_at BIGINT, 
	retired_at BIGINT, 
	revoke_at BIGINT, 
	revoke_intent_at BIGINT, 
	revoked_at BIGINT, 
	revoke_failures INTEGER NOT NULL, 
	revoke_retry_at BIGINT, 
	revoke_message TEXT NOT NULL, 
	PRIMARY KEY (key_id)
);
CREATE INDEX credentials_by_rotation ON credentials (rotation_id);
CREATE INDEX credentials_retiring ON credentials (rotation_id) WHERE state = 'retiring';
CREATE TABLE folders (
	project TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	path TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (project, environment, path)
)
 WITHOUT ROWID;
CREATE TABLE generations (
	digest TEXT NOT NULL, 
	brought_at BIGINT NOT NULL, 
	PRIMARY KEY (digest)
)
 WITHOUT ROWID;
CREATE TABLE identities (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	grants TEXT NOT NULL, 
	created_at BIGINT, 
	updated_at BIGINT, 
	PRIMARY KEY (id)
);
CREATE UNIQUE INDEX identities_by_name ON identities (name);
CREATE TABLE issue_intents (
	rotation_id TEXT NOT NULL, 
	attempt_id TEXT NOT NULL, 
	n INTEGER NOT NULL, 
	display_name TEXT NOT NULL, 
	opened_at BIGINT, 
	outcome TEXT NOT NULL, 
	first_look_at BIGINT, 
	closed_at BIGINT, 
	PRIMARY KEY (rotation_id, attempt_id, n)
)
 WITHOUT ROWID;
CREATE INDEX issue_intents_by_name ON issue_intents (display_name);
CREATE TABLE journal (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	rotation_id TEXT NOT NULL, 
	attempt_id TEXT NOT NULL, 
	step TEXT NOT NULL, 
	phase TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	facts TEXT NOT NULL
);
CREATE INDEX journal_by_attempt ON journal (attempt_id);
CREATE INDEX journal_by_rotation ON journal (rotation_id);
CREATE TABLE leases (
	tenant_id TEXT NOT NULL, 
	object_id TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	token BIGINT NOT NULL, 
	until BIGINT NOT NULL, 
	rotation_id TEXT NOT NULL, 
	PRIMARY KEY (tenant_id, object_id)
)
 WITHOUT ROWID;
CREATE TABLE mapped_names (
	project TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	path TEXT NOT NULL, 
	name TEXT NOT NULL, 
	rotation_id TEXT NOT NULL, 
	field TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	staged_key_id TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	token BIGINT NOT NULL, 
	installation TEXT NOT NULL, 
	updated_at BIGINT, 
	PRIMARY KEY (project, environment, path, name)
)
 WITHOUT ROWID;
CREATE INDEX mapped_names_by_rotation ON mapped_names (rotation_id);
CREATE TABLE mapped_versions (
	project TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	path TEXT NOT NULL, 
	name TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	rotation_id TEXT NOT NULL, 
	field TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (project, environment, path, name, version)
)
 WITHOUT ROWID;
CREATE INDEX mapped_versions_by_key ON mapped_versions (key_id);
CREATE TABLE meta (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE nodes (
	holder TEXT NOT NULL, 
	name TEXT NOT NULL, 
	version TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	visits INTEGER NOT NULL, 
	draining BOOLEAN NOT NULL, 
	started_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	PRIMARY KEY (holder)
)
 WITHOUT ROWID;
CREATE TABLE paces (
	name TEXT NOT NULL, 
	until BIGINT NOT NULL, 
	PRIMARY KEY (name)
)
 WITHOUT ROWID;
CREATE TABLE projects (
	name TEXT NOT NULL, 
	title TEXT NOT NULL, 
	description TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (name)
)
 WITHOUT ROWID;
CREATE TABLE readings (
	node TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (node)
)
 WITHOUT ROWID;
CREATE TABLE refresh_tokens (
	connection TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	until BIGINT NOT NULL, 
	PRIMARY KEY (connection)
)
 WITHOUT ROWID;
CREATE TABLE requests (
	id TEXT NOT NULL, 
	rotation_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	at BIGINT, 
	"by" TEXT NOT NULL, 
	facts TEXT NOT NULL, 
	ended_at BIGINT, 
	result TEXT NOT NULL, 
	message TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX requests_by_rotation ON requests (rotation_id);
CREATE INDEX requests_open ON requests (rotation_id) WHERE ended_at IS NULL;
CREATE TABLE rotations (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	tenant_id TEXT NOT NULL, 
	object_id TEXT NOT NULL, 
	client_id TEXT NOT NULL, 
	app_name TEXT NOT NULL, 
	lease_key TEXT NOT NULL, 
	connection TEXT NOT NULL, 
	own_connection TEXT NOT NULL, 
	project TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	path TEXT NOT NULL, 
	api_made BOOLEAN NOT NULL, 
	elsewhere BOOLEAN NOT NULL, 
	document TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	created_at BIGINT, 
	changed_at BIGINT, 
	paused BOOLEAN NOT NULL, 
	retired_at BIGINT, 
	approved_at BIGINT, 
	wake_at BIGINT, 
	woken BOOLEAN NOT NULL, 
	next_slot BIGINT, 
	PRIMARY KEY (id)
);
CREATE INDEX rotations_by_folder ON rotations (project, environment, path);
CREATE INDEX rotations_by_name ON rotations (name);
CREATE INDEX rotations_by_own_connection ON rotations (own_connection) WHERE own_connection <> '';
CREATE INDEX rotations_by_slot ON rotations (connection, next_slot);
CREATE INDEX rotations_by_wake ON rotations (wake_at, id, connection);
CREATE INDEX rotations_elsewhere ON rotations (id) WHERE elsewhere;
CREATE INDEX rotations_living ON rotations (name, id, app_name, own_connection, project, environment, path, paused, retired_at) WHERE retired_at IS NULL;
CREATE INDEX rotations_of_files ON rotations (name) WHERE NOT api_made;
CREATE INDEX rotations_paused ON rotations (name, id) WHERE paused AND retired_at IS NULL;
CREATE INDEX rotations_retired ON rotations (id) WHERE retired_at IS NOT NULL;
CREATE TABLE sealed (
	of_table TEXT NOT NULL, 
	of_row TEXT NOT NULL, 
	of_column TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	body BLOB NOT NULL, 
	PRIMARY KEY (of_table, of_row, of_column)
)
 WITHOUT ROWID;
CREATE INDEX sealed_by_key ON sealed ("key");
CREATE TABLE sources (
	path TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (path)
)
 WITHOUT ROWID;
CREATE TABLE access_tokens (
	digest TEXT NOT NULL, 
	id TEXT NOT NULL, 
	identity_id TEXT NOT NULL, 
	method TEXT NOT NULL, 
	created_at BIGINT, 
	expires_at BIGINT, 
	uses_limit INTEGER NOT NULL, 
	uses INTEGER NOT NULL, 
	PRIMARY KEY (digest), 
	FOREIGN KEY(identity_id) REFERENCES identities (id) ON DELETE CASCADE
)
 WITHOUT ROWID;
CREATE INDEX access_tokens_by_expiry ON access_tokens (expires_at);
CREATE INDEX access_tokens_by_identity ON access_tokens (identity_id, method);
CREATE TABLE client_secrets (
	id TEXT NOT NULL, 
	identity_id TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	prefix TEXT NOT NULL, 
	description TEXT NOT NULL, 
	created_at BIGINT, 
	expires_at BIGINT, 
	uses_limit INTEGER NOT NULL, 
	uses INTEGER NOT NULL, 
	revoked_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(identity_id) REFERENCES identities (id) ON DELETE CASCADE
);
CREATE INDEX client_secrets_by_identity ON client_secrets (identity_id);
CREATE TABLE deliveries (
	rotation_id TEXT NOT NULL, 
	destination TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	version TEXT NOT NULL, 
	token BIGINT NOT NULL, 
	delivered_at BIGINT, 
	read_at BIGINT, 
	failures INTEGER NOT NULL, 
	retry_at BIGINT, 
	message TEXT NOT NULL, 
	drifted BOOLEAN NOT NULL, 
	removed BOOLEAN NOT NULL, 
	PRIMARY KEY (rotation_id, destination), 
	FOREIGN KEY(rotation_id) REFERENCES rotations (id) ON DELETE CASCADE
)
 WITHOUT ROWID;
CREATE INDEX deliveries_drifted ON deliveries (destination) WHERE drifted AND NOT removed;
CREATE TABLE hints (
	rotation_id TEXT NOT NULL, 
	destination TEXT NOT NULL, 
	at BIGINT, 
	PRIMARY KEY (rotation_id, destination), 
	FOREIGN KEY(rotation_id) REFERENCES rotations (id) ON DELETE CASCADE
)
 WITHOUT ROWID;
CREATE TABLE sign_ins (
	id TEXT NOT NULL, 
	identity_id TEXT NOT NULL, 
	method TEXT NOT NULL, 
	handle TEXT NOT NULL, 
	ttl INTEGER NOT NULL, 
	max_ttl INTEGER NOT NULL, 
	uses INTEGER NOT NULL, 
	trusted TEXT NOT NULL, 
	facts TEXT NOT NULL, 
	created_at BIGINT, 
	updated_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(identity_id) REFERENCES identities (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX sign_ins_by_handle ON sign_ins (method, handle);
CREATE UNIQUE INDEX sign_ins_by_identity ON sign_ins (identity_id, method);
CREATE TABLE standings (
	rotation_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	status TEXT, 
	message TEXT NOT NULL, 
	last_attempted_at BIGINT, 
	last_rotated_at BIGINT, 
	last_attempt_id TEXT NOT NULL, 
	last_manual BOOLEAN NOT NULL, 
	anchor_at BIGINT, 
	due_slot BIGINT, 
	failures INTEGER NOT NULL, 
	retry_at BIGINT, 
	active_index INTEGER NOT NULL, 
	hold TEXT NOT NULL, 
	held_at BIGINT, 
	missing_since BIGINT, 
	current_lost BOOLEAN NOT NULL, 
	reconciled_at BIGINT, 
	alarms TEXT NOT NULL, 
	promoted_partly BOOLEAN NOT NULL, 
	PRIMARY KEY (rotation_id), 
	FOREIGN KEY(rotation_id) REFERENCES rotations (id) ON DELETE CASCADE
)
 WITHOUT ROWID;
CREATE INDEX standings_in_need ON standings (rotation_id) WHERE failures > 0 OR alarms <> '[]' OR hold <> '' OR status = 'failed';
CREATE INDEX standings_under_way ON standings (rotation_id) WHERE due_slot IS NOT NULL;
CREATE TRIGGER IF NOT EXISTS journal_refuses_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS journal_refuses_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS audit_refuses_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER IF NOT EXISTS audit_refuses_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
