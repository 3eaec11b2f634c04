import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/**
 * Runs a program on this terminal until it ends; resolves with the exit code a shell would show.
 * Ctrl-C reaches the program from the terminal itself, so this process only waits; SIGTERM and SIGHUP are passed on.
 * @param {string} file
 * @param {readonly string[]} rest
 * `unshare` ignores those two; for a tree of namespaces ask for `kill`, which ends the whole tree at once.
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, kill?: boolean }} [options]
 * @returns {Promise<number>}
 */
export function foreground(file, rest, { kill = false, ...options } = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, rest, { ...options, stdio: 'inherit' });
    const wait = () => {};
    /** @param {NodeJS.Signals} signal */
    const pass = (signal) => child.kill(kill ? 'SIGKILL' : signal);
    process.on('SIGINT', wait).on('SIGTERM', pass).on('SIGHUP', pass);
    /** @param {number} code */
    const finish = (code) => {
      process.off('SIGINT', wait).off('SIGTERM', pass).off('SIGHUP', pass);
      resolve(code);
    };
    child.on('error', (error) => {
      console.error(`${file}: ${error.message}`);
      finish(127);
    });
    child.on('exit', (code, signal) => finish(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
