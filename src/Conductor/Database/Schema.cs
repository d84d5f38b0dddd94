using Dapper;

namespace Baremetal.Conductor.Database;

/// <summary>The tables, as one list of steps: a database of version N has had the first N of them. A step that was released is never edited.</summary>
internal static class Schema
{
    private static readonly string[] Steps =
    [
        """
        CREATE TABLE nodes (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            mac TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL,
            since INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            boot_policy TEXT NOT NULL,
            firmware TEXT,
            power_driver TEXT NOT NULL,
            power_address TEXT,
            power_username TEXT,
            power_password BLOB,
            power_tls_pin TEXT,
            inventory TEXT,
            address TEXT,
            system_seen INTEGER,
            image TEXT,
            cause TEXT,
            idempotency_key TEXT UNIQUE
        ) STRICT;

        -- The agent of a node's newest boot, and no other: an older boot's key is not here any more.
        CREATE TABLE agents (
            node TEXT PRIMARY KEY REFERENCES nodes ON DELETE CASCADE,
            boot_id TEXT NOT NULL,
            key_sha256 TEXT NOT NULL,
            version TEXT NOT NULL,
            pinned INTEGER NOT NULL,
            enrolled_at INTEGER NOT NULL,
            last_seen INTEGER NOT NULL,
            inventory_at INTEGER,
            left_at INTEGER
        ) STRICT;

        -- One-time tokens of boot scripts, as SHA-256. A used one keeps what it was used for until it expires.
        CREATE TABLE boot_tokens (
            sha256 TEXT PRIMARY KEY,
            node TEXT NOT NULL REFERENCES nodes ON DELETE CASCADE,
            mac TEXT NOT NULL,
            uuid TEXT,
            pinned INTEGER NOT NULL,
            issued INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            key_sha256 TEXT,
            boot_id TEXT,
            certificate TEXT
        ) STRICT;
        CREATE INDEX boot_tokens_of_node ON boot_tokens (node, issued);

        CREATE TABLE images (
            manifest_sha256 TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            version TEXT NOT NULL,
            envelope BLOB NOT NULL,
            added INTEGER NOT NULL,
            UNIQUE (name, version)
        ) STRICT;

        CREATE TABLE jobs (
            id TEXT PRIMARY KEY,
            node TEXT NOT NULL REFERENCES nodes ON DELETE CASCADE,
            kind TEXT NOT NULL,
            origin TEXT NOT NULL,
            created INTEGER NOT NULL,
            idempotency_key TEXT UNIQUE,
            spec TEXT,
            user_data BLOB,
            image TEXT,
            manifest_sha256 TEXT,
            disk_bytes INTEGER,
            source_bytes INTEGER,
            redeploy INTEGER NOT NULL,
            step TEXT NOT NULL,
            step_started INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            acted INTEGER NOT NULL,
            tries INTEGER NOT NULL,
            trouble TEXT,
            retry_at INTEGER,
            note TEXT,
            waiting_for TEXT,
            target TEXT,
            config_drive_sha256 TEXT,
            agent_nonce TEXT,
            order_attempt INTEGER NOT NULL,
            abort_requested INTEGER NOT NULL,
            due INTEGER NOT NULL,
            owner TEXT,
            lease_until INTEGER,
            fence INTEGER NOT NULL,
            outcome TEXT,
            cause TEXT,
            finished INTEGER,
            result TEXT
        ) STRICT;
        CREATE UNIQUE INDEX one_unfinished_job_of_a_node ON jobs (node) WHERE finished IS NULL;
        CREATE INDEX jobs_due ON jobs (due) WHERE finished IS NULL;

        CREATE TABLE job_steps (
            job TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
            number INTEGER NOT NULL,
            name TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            started INTEGER NOT NULL,
            ended INTEGER,
            cause TEXT,
            PRIMARY KEY (job, number)
        ) STRICT;

        -- What agents said of the steps that they were ordered.
        CREATE TABLE step_reports (
            job TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
            step TEXT NOT NULL,
            nonce TEXT NOT NULL,
            outcome TEXT NOT NULL,
            cause TEXT,
            at INTEGER NOT NULL,
            PRIMARY KEY (job, step, nonce)
        ) STRICT;

        CREATE TABLE events (
            seq INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            at INTEGER NOT NULL,
            node TEXT,
            job TEXT,
            step TEXT,
            text TEXT
        ) STRICT;
        CREATE INDEX events_of_job ON events (job, seq);
        -- Numbers are given out under a row lock, so that they become visible in their order.
        CREATE TABLE sequences (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
        INSERT INTO sequences VALUES ('events', 0);

        CREATE TABLE tokens (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            created INTEGER NOT NULL,
            expires INTEGER
        ) STRICT;
        """,

        // Beside the idempotency key what was asked for under it; null in what is older.
        """
        ALTER TABLE nodes ADD COLUMN request_sha256 TEXT;
        ALTER TABLE jobs ADD COLUMN request_sha256 TEXT;
        """,

        // Which system of which power controller the node is; null until it is known, and where there is no controller.
        """
        ALTER TABLE nodes ADD COLUMN power_system TEXT;
        CREATE UNIQUE INDEX nodes_by_power_system ON nodes (power_system);
        """,

        // What keeps a node from being worked on, whatever its state.
        """
        ALTER TABLE nodes ADD COLUMN protected INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE nodes ADD COLUMN maintenance TEXT;
        """,

        // By what an inventory tells one machine from another, and why an agent's was not taken.
        """
        ALTER TABLE agents ADD COLUMN twin TEXT;
        ALTER TABLE nodes ADD COLUMN uuid TEXT;
        ALTER TABLE nodes ADD COLUMN serial TEXT;
        UPDATE nodes SET uuid = json_extract(inventory, '$.system.uuid') WHERE inventory IS NOT NULL;
        CREATE INDEX nodes_by_uuid ON nodes (uuid);
        CREATE INDEX nodes_by_serial ON nodes (serial);
        """,

        // What a cleaning was asked to do, the disks that it was prepared for, and what became of them.
        """
        ALTER TABLE jobs ADD COLUMN clean TEXT;
        ALTER TABLE jobs ADD COLUMN targets TEXT;
        ALTER TABLE jobs ADD COLUMN erased TEXT;
        """,

        // Where a machine was discovered, and how many are pending.
        """
        ALTER TABLE nodes ADD COLUMN relay TEXT;
        CREATE INDEX nodes_by_state ON nodes (state);
        """,

        // By which token an installed system phones home, when it did, and the host keys that it told.
        """
        ALTER TABLE jobs ADD COLUMN phone_sha256 TEXT;
        ALTER TABLE jobs ADD COLUMN phoned_at INTEGER;
        CREATE UNIQUE INDEX jobs_by_phone ON jobs (phone_sha256);
        ALTER TABLE nodes ADD COLUMN ssh_host_keys TEXT;
        """,

        // How a node's ramdisk reaches the conductor, where plain DHCP does not do.
        """
        ALTER TABLE nodes ADD COLUMN network TEXT;
        ALTER TABLE nodes ADD COLUMN kernel_arguments TEXT;
        """,

        // What agents told of a job's failure, one for each boot.
        """
        CREATE TABLE job_logs (
            job TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
            boot_id TEXT NOT NULL,
            at INTEGER NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (job, boot_id)
        ) STRICT;
        """,

        // A step may last as long as it comes on.
        """
        ALTER TABLE jobs ADD COLUMN progressed INTEGER;
        """,

        // Who is let in by a rescue, the key of its SSH server, and that an operator ended it.
        """
        ALTER TABLE jobs ADD COLUMN rescue TEXT;
        ALTER TABLE jobs ADD COLUMN host_key TEXT;
        ALTER TABLE jobs ADD COLUMN end_requested INTEGER NOT NULL DEFAULT 0;
        """,

        // A disk that erases itself may say nothing meanwhile.
        """
        ALTER TABLE jobs ADD COLUMN silent_until INTEGER;
        """,

        // Config drives of an earlier life, on the disks that a deploy does not write.
        """
        ALTER TABLE jobs ADD COLUMN stale_config_drives TEXT;
        """,

        // Why a job failed, as a word for programs; null in what is older.
        """
        ALTER TABLE jobs ADD COLUMN trouble_code TEXT;
        ALTER TABLE jobs ADD COLUMN failure_code TEXT;
        ALTER TABLE step_reports ADD COLUMN code TEXT;
        """,

        // What each node's machine was like, from when until when.
        """
        CREATE TABLE inventories (
            node TEXT NOT NULL REFERENCES nodes ON DELETE CASCADE,
            number INTEGER NOT NULL,
            first_seen INTEGER NOT NULL,
            last_seen INTEGER NOT NULL,
            boot_id TEXT,
            agent_version TEXT,
            inventory TEXT NOT NULL,
            PRIMARY KEY (node, number)
        ) STRICT;
        INSERT INTO inventories (node, number, first_seen, last_seen, boot_id, agent_version, inventory)
            SELECT n.id, 1, coalesce(a.inventory_at, n.since), coalesce(a.inventory_at, n.since), a.boot_id, a.version, n.inventory
            FROM nodes n LEFT JOIN agents a ON a.node = n.id AND a.inventory_at IS NOT NULL
            WHERE n.inventory IS NOT NULL;
        """,

        // By which port of which switch a machine was discovered.
        """
        ALTER TABLE nodes ADD COLUMN circuit TEXT;
        ALTER TABLE nodes ADD COLUMN remote TEXT;
        """,

        // Runners, the tokens that machines join by, and the VMs: what they shall be, and how their runner last found them.
        """
        CREATE TABLE runners (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            key_sha256 TEXT,
            node TEXT REFERENCES nodes ON DELETE SET NULL,
            version TEXT NOT NULL,
            joined INTEGER NOT NULL,
            last_seen INTEGER NOT NULL,
            address TEXT,
            revision INTEGER NOT NULL,
            reported_revision INTEGER,
            state TEXT NOT NULL,
            since INTEGER NOT NULL,
            cause TEXT,
            capacity TEXT,
            preflight TEXT
        ) STRICT;
        CREATE UNIQUE INDEX runners_by_name ON runners (lower(name));

        CREATE TABLE runner_tokens (
            sha256 TEXT PRIMARY KEY,
            name TEXT,
            node TEXT REFERENCES nodes ON DELETE CASCADE,
            rejoins TEXT REFERENCES runners ON DELETE CASCADE,
            expires INTEGER NOT NULL,
            key_sha256 TEXT,
            certificate TEXT,
            runner TEXT REFERENCES runners ON DELETE CASCADE
        ) STRICT;

        CREATE TABLE vms (
            id TEXT PRIMARY KEY,
            runner TEXT NOT NULL REFERENCES runners ON DELETE CASCADE,
            name TEXT NOT NULL,
            spec TEXT NOT NULL,
            memory_mb INTEGER NOT NULL,
            processors INTEGER NOT NULL,
            user_data BLOB,
            target TEXT NOT NULL,
            run INTEGER NOT NULL,
            order_revision INTEGER NOT NULL,
            restart_key TEXT,
            created INTEGER NOT NULL,
            idempotency_key TEXT UNIQUE,
            request_sha256 TEXT,
            state TEXT,
            since INTEGER,
            reported_run INTEGER NOT NULL,
            cause TEXT,
            exit_code INTEGER,
            image_digest TEXT,
            address TEXT,
            mac TEXT,
            accelerator TEXT
        ) STRICT;
        CREATE UNIQUE INDEX vms_by_name ON vms (runner, lower(name));
        """,

        // Images of the catalogue that VMs are made of: the documents around the disk, which is the image's own blob.
        """
        CREATE TABLE vm_images (
            manifest_sha256 TEXT PRIMARY KEY REFERENCES images ON DELETE CASCADE,
            oci_sha256 TEXT NOT NULL,
            oci_manifest BLOB NOT NULL,
            config_sha256 TEXT NOT NULL,
            oci_config BLOB NOT NULL,
            layer_sha256 TEXT NOT NULL,
            layer_bytes INTEGER NOT NULL,
            disk_sha256 TEXT NOT NULL,
            format TEXT NOT NULL,
            built INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX vm_images_by_oci ON vm_images (oci_sha256);
        CREATE INDEX vm_images_by_layer ON vm_images (layer_sha256);
        CREATE INDEX vm_images_by_config ON vm_images (config_sha256);
        ALTER TABLE vms ADD COLUMN own_image TEXT;
        """,
    ];

    public static void Upgrade(WriteTransaction tx)
    {
        tx.Sql.Execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)");
        var version = tx.Sql.QuerySingleOrDefault<int?>("SELECT version FROM schema_version");
        if (version > Steps.Length)
            throw new InvalidDataException($"The database is of version {version}, made by a newer conductor; this one knows versions up to {Steps.Length}. Install the newer conductor again, or restore a backup.");
        if (version is null)
            tx.Sql.Execute("INSERT INTO schema_version VALUES (0)");
        foreach (var step in Steps.Skip(version ?? 0))
            tx.Sql.Execute(step);
        tx.Sql.Execute("UPDATE schema_version SET version = @version", new { version = Steps.Length });
    }
}
