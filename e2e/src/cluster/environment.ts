/** The variables a program was started with; read once, at its edge. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Administrators' folders, which are not in every user's PATH. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** `environment` with `folders` in front of its PATH and the system's behind it. */
export function withPath(environment: Environment, folders: readonly string[]): Environment {
  const own = environment['PATH'];
  const path = [...folders, ...(own === undefined || own === '' ? [] : [own]), SYSTEM_PATH].join(':');
  return { ...environment, PATH: path };
}

/** What a program of the cluster itself gets: nothing of whoever starts it, no proxy settings above all. */
export function bareEnvironment(folders: readonly string[]): Environment {
  return withPath({ HOME: '/', LC_ALL: 'C.UTF-8' }, folders);
}
