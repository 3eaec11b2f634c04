/** How long a connection waits for its pod's certificate, milliseconds. */
export const CERTIFICATE_WAIT = 10_000;

/** How long a connection waits for a policy that is named but has not arrived, milliseconds; then it is denied. */
export const PENDING_POLICY_WAIT = 2_000;

/** How long a TCP connection to an application or a peer may take, milliseconds. */
export const CONNECT_TIMEOUT = 10_000;

/** How many endpoints are tried for one connection before it fails. */
export const CONNECT_ATTEMPTS = 3;

/** How long all attempts for one connection may take together, milliseconds. */
export const CONNECT_BUDGET = 15_000;

/** Connections that wait in one data thread for a certificate or a policy. Further ones are refused. */
export const MAX_WAITING = 4_096;

/** Length of a listener's queue. The kernel caps it at net.core.somaxconn of the pod. */
export const LISTEN_BACKLOG = 4_096;

/** Time a data thread may spend on applying resources in one turn, milliseconds. */
export const APPLY_BUDGET = 1;

/** The same while the thread serves no pod, milliseconds. */
export const APPLY_BUDGET_ALONE = 50;

/** How long an identity is kept after its last pod on the node, milliseconds: connections of that pod may still need it. */
export const IDENTITY_LINGER = 30_000;

/** Queries to upstream resolvers that one data thread has open. Further ones are answered SERVFAIL. */
export const DNS_UPSTREAM_QUERIES = 1_024;

/** How long an upstream resolver may take, milliseconds. */
export const DNS_UPSTREAM_TIMEOUT = 5_000;

/** How long an idle DNS connection over TCP is kept, milliseconds. */
export const DNS_TCP_IDLE = 5_000;

/** Growth of the process after which a data thread gives free memory of the C library's heap back, bytes. */
export const HEAP_GROWTH: number = 2 << 20;

/** How often the first data thread looks for such growth, milliseconds. */
export const HEAP_LOOK = 1_000;
