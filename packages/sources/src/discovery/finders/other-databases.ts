/** Servers that keep data and have no kind of source of their own: known by their programs. */
import type { Finding } from "../candidate.ts";
import type { HostView } from "../host/host-view.ts";
import { argument, serversOf } from "./servers.ts";

interface OtherServer {
  readonly product: string;
  readonly programs: readonly string[];
  /** Words in the command line, where the program is one that many use, such as `java`. */
  readonly words?: RegExp;
  readonly port: number;
  readonly folders: readonly string[];
  readonly options?: readonly string[];
  /** How it is captured as it should be. */
  readonly how: string;
}

const OTHERS: readonly OtherServer[] = [
  {
    product: "Elasticsearch",
    programs: ["java"],
    words: /org\.elasticsearch/,
    port: 9200,
    folders: ["/var/lib/elasticsearch"],
    how: "its snapshot API, into a repository folder that is then stored",
  },
  {
    product: "OpenSearch",
    programs: ["java"],
    words: /org\.opensearch/,
    port: 9200,
    folders: ["/var/lib/opensearch"],
    how: "its snapshot API, into a repository folder that is then stored",
  },
  {
    product: "Cassandra",
    programs: ["java"],
    words: /CassandraDaemon/,
    port: 9042,
    folders: ["/var/lib/cassandra"],
    how: "nodetool snapshot, then the folders of the snapshot",
  },
  {
    product: "Neo4j",
    programs: ["java"],
    words: /org\.neo4j/,
    port: 7687,
    folders: ["/var/lib/neo4j"],
    how: "neo4j-admin database dump",
  },
  {
    product: "InfluxDB",
    programs: ["influxd"],
    port: 8086,
    folders: ["/var/lib/influxdb"],
    how: "influx backup, or influxd backup -portable for version 1",
  },
  {
    product: "ClickHouse",
    programs: ["clickhouse-server", "clickhouse"],
    port: 9000,
    folders: ["/var/lib/clickhouse"],
    how: "BACKUP ALL to a disk of the server",
  },
  {
    product: "CouchDB",
    programs: ["beam.smp"],
    words: /couchdb/,
    port: 5984,
    folders: ["/var/lib/couchdb", "/opt/couchdb/data"],
    how: "its files may be copied while it runs, indexes before data",
  },
  {
    product: "RabbitMQ",
    programs: ["beam.smp"],
    words: /rabbit/,
    port: 5672,
    folders: ["/var/lib/rabbitmq"],
    how: "rabbitmqctl export_definitions; messages only with the node stopped",
  },
  {
    product: "Microsoft SQL Server",
    programs: ["sqlservr"],
    port: 1433,
    folders: ["/var/opt/mssql"],
    how: "BACKUP DATABASE to a folder that is then stored",
  },
  { product: "Firebird", programs: ["firebird"], port: 3050, folders: ["/var/lib/firebird"], how: "gbak" },
  {
    product: "Prometheus",
    programs: ["prometheus"],
    port: 9090,
    folders: ["/var/lib/prometheus"],
    options: ["--storage.tsdb.path"],
    how: "its snapshot API (--web.enable-admin-api)",
  },
  {
    product: "MinIO",
    programs: ["minio"],
    port: 9000,
    folders: ["/var/lib/minio"],
    how: "mc mirror, or a copy of its buckets",
  },
  {
    product: "Consul",
    programs: ["consul"],
    port: 8500,
    folders: ["/var/lib/consul", "/opt/consul"],
    options: ["-data-dir"],
    how: "consul snapshot save",
  },
  {
    product: "Vault",
    programs: ["vault"],
    port: 8200,
    folders: ["/var/lib/vault", "/opt/vault/data"],
    how: "vault operator raft snapshot save",
  },
  {
    product: "Samba domain controller",
    programs: ["samba"],
    port: 389,
    folders: ["/var/lib/samba/private"],
    how: "samba-tool domain backup online",
  },
];

/** One for each that runs. */
export function findOtherDatabases(view: HostView): Finding[] {
  return OTHERS.flatMap((other) =>
    serversOf(view, other)
      .filter(({ process }) => other.words?.test(process.args.join(" ")) ?? true)
      .map((server): Finding => {
        const { process } = server;
        const named = argument(process.args, ...(other.options ?? []));
        const paths =
          process.container !== undefined
            ? []
            : ([named, ...other.folders].filter(
                (path) => path !== undefined && view.folders.of(path) !== undefined,
              ) as string[]);
        return {
          id: `command:${other.product.toLowerCase().replaceAll(" ", "-")}${process.container === undefined ? "" : `:container ${process.container}`}`,
          category: "database",
          kind: "command",
          title: `${other.product}${process.container === undefined ? "" : `, in container ${process.container}`}`,
          paths: paths.slice(0, 1),
          confidence: "likely",
          evidence: `process ${process.pid} (${process.program}) runs`,
          criticality: "critical",
          reason: "a server that runs and keeps data: copies of its files alone may not be consistent",
          needs: [
            {
              what: "preparation",
              detail: `a command of your own, as there is no kind of source for it: ${other.how}`,
            },
          ],
        };
      }),
  );
}
