/** One tree of user, network, mount and process namespaces; when its first process ends, nothing of it is left. */

/** Runs as process 1 of the tree: brings loopback up, and reaps orphans, which Node does not do. */
const FIRST_PROCESS = 'ip link set lo up && "$@"; exit $?';

/**
 * How to run `command` inside a new tree, as root there, whoever calls it.
 * @param {readonly string[]} command
 */
export function inTree(command) {
  const path = `PATH=${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
  const tree = ['--user', '--map-root-user', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  return { file: 'env', rest: [path, 'unshare', ...tree, 'sh', '-c', FIRST_PROCESS, 'sh', ...command] };
}
