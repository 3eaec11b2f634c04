/**
 * Milliseconds that a new pod waits here for the node proxy and for what the API server has to say of it; kubelet tries again
 * after that. A stock proxy comes back to a restarted agent within 15 s. Less than the 20 s of the plugin.
 */
export const ADD_PATIENCE_MS: number = 17_000;

/** Milliseconds of the same for a pod that the plugin lets through when nobody answers it within 10 s. */
export const ADD_UNBOUND_PATIENCE_MS: number = 8_000;

/** Milliseconds that such a pod waits for its own labels to become known. */
export const UNKNOWN_POD_PATIENCE_MS: number = 1_000;

/** Milliseconds between two looks at whether a new pod waits in vain. */
export const ADMISSION_POLL_MS: number = 50;

/** Milliseconds between two looks for a pod that the API server has not sent yet. */
export const POD_POLL_MS: number = 10;

/** Milliseconds for asking the API server for one pod. */
export const POD_REQUEST_MS: number = 2_000;

/** Bytes of one request of the plugin: names, a path and addresses. */
export const PLUGIN_REQUEST_BYTES: number = 65_536;

/** Milliseconds for the whole of a request to arrive. */
export const PLUGIN_REQUEST_MS: number = 2_000;

/** Plugins that are served at once: more than kubelet starts pods at a time. */
export const PLUGIN_CONNECTIONS: number = 512;

/** Addresses of one pod that are looked at. */
export const POD_ADDRESSES: number = 64;

/** Milliseconds for which one look at all processes of the node is used again. */
export const PROCESS_SCAN_MS: number = 250;

/** Milliseconds between attempts to find the namespace of a pod that runs: the first, doubled up to the longest. */
export const FIND_RETRY_FIRST_MS: number = 200;
export const FIND_RETRY_LONGEST_MS: number = 30_000;

/** Milliseconds between attempts to write a pod's annotation: the first, doubled up to the longest. */
export const ANNOTATE_RETRY_FIRST_MS: number = 200;
export const ANNOTATE_RETRY_LONGEST_MS: number = 30_000;

/** Milliseconds in which changes of namespaces are gathered before the stored view is written. */
export const VIEW_DELAY_MS: number = 20;

/** Milliseconds until the stored view is written again after that has failed. */
export const VIEW_RETRY_MS: number = 1_000;

/** Milliseconds after a change of the node's network configuration until it is looked at, as editors write in steps. */
export const CONFIG_SETTLE_MS: number = 100;

/** Milliseconds between two looks at the network configuration, should the kernel have told nothing. */
export const CONFIG_POLL_MS: number = 10_000;

/** Bytes of a network configuration file that is read. */
export const CONFIG_FILE_BYTES: number = 1_048_576;

/** Milliseconds for the agent to stop in order. */
export const STOP_DEADLINE_MS: number = 5_000;

/** Milliseconds between two looks at the pods that are still in the mesh while it leaves the node. */
export const DEPARTURE_POLL_MS: number = 200;

/** Milliseconds after which the container runtime has read a changed network configuration: until then it may run the plugin. */
export const RUNTIME_REREADS_MS: number = 2_000;

/** Milliseconds between two looks at how far the mesh has left all nodes. */
export const UNENROL_POLL_MS: number = 500;
