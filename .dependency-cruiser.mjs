/** What each package may import of ours, and why its border stands where it does. */
const ARROWS = {
  core: { may: [], why: 'Everything stands on it, so it stands on nothing of ours.' },
  proto: { may: [], why: 'Wire contracts are facts of their own.' },
  native: { may: ['core'], why: 'The one place where memory safety is by hand stays small and at the bottom.' },
  reactor: { may: ['core', 'native'], why: 'An event loop knows descriptors and bytes, no protocol.' },
  http: { may: ['core'], why: 'Codecs are pure: bytes in, events out.' },
  hbone: {
    may: ['core', 'native', 'reactor', 'http'],
    why: 'Tunnels know sockets and frames, no mesh; the relay calls recv and send itself.',
  },
  capture: { may: ['core', 'native'], why: 'Redirection is text and its application, whoever asks for it.' },
  zds: {
    may: ['core', 'proto', 'native', 'reactor'],
    why: 'Both ends of the node contract, ignorant of what is done with a pod.',
  },
  enrolment: {
    may: ['core', 'native', 'capture', 'zds'],
    why: 'How a pod joins and leaves is the same whoever decides it: an agent in a cluster, or a bed without one.',
  },
  identity: { may: ['core', 'proto'], why: 'Keys and certificates, ignorant of who uses them.' },
  xds: { may: ['core', 'proto'], why: 'The transport is agnostic of the resource type.' },
  mesh: { may: ['core', 'proto'], why: 'The model is pure, so that every component takes the same decision.' },
  traffic: {
    may: ['core', 'proto', 'mesh'],
    why: 'What a waypoint decides is pure, so that tools and tests decide the same.',
  },
  translation: {
    may: ['core', 'proto', 'mesh', 'traffic'],
    why: 'Pure, so that the controller and offline tools translate alike.',
  },
  telemetry: { may: ['core'], why: 'Names and records; who counts is somewhere else.' },
  proxy: {
    may: ['core', 'proto', 'native', 'reactor', 'hbone', 'identity', 'xds', 'mesh', 'telemetry'],
    why: 'Threads, certificates, resources and listeners are the same around every data path; it knows none of them.',
  },
  kube: { may: ['core'], why: 'It speaks to the API server for whoever asks, and knows no kind of the mesh.' },
  ztunnel: {
    may: [
      'proxy',
      'core',
      'proto',
      'native',
      'reactor',
      'http',
      'hbone',
      'capture',
      'zds',
      'identity',
      'xds',
      'mesh',
      'telemetry',
    ],
    why: 'A program assembles mechanisms; it never imports another program.',
  },
  waypoint: {
    may: [
      'core',
      'proto',
      'native',
      'reactor',
      'http',
      'hbone',
      'identity',
      'xds',
      'mesh',
      'traffic',
      'telemetry',
      'proxy',
    ],
    why: 'A program assembles mechanisms; it captures nothing and speaks to no node agent.',
  },
  'istiod-lite': {
    may: ['core', 'proto', 'identity', 'xds', 'mesh', 'translation', 'telemetry', 'kube'],
    why: 'A program assembles mechanisms; the controller needs no FFI and no data path.',
  },
  cni: {
    may: ['core', 'native', 'capture', 'zds', 'kube', 'enrolment', 'translation'],
    why: 'A program assembles mechanisms; the agent of a node decides who joins, and how is not its business.',
  },
  local: {
    may: [
      'core',
      'proto',
      'native',
      'reactor',
      'capture',
      'zds',
      'enrolment',
      'identity',
      'translation',
      'mesh',
      'telemetry',
    ],
    why: 'It spawns the programs as a cluster would; importing them would hide what only a process boundary shows.',
  },
};

const TESTS = '[.](integration[.]|netns[.])?test[.]ts$|/test-[^/]+[.]ts$';
const TEST_AUTHORITY = '^packages/identity/src/test-authority[.]ts$';

const arrows = Object.entries(ARROWS).map(([name, { may, why }]) => ({
  name: `layer-${name}`,
  comment: `${why} Allowed: ${may.length === 0 ? 'nothing of ours' : may.join(', ')}.`,
  severity: 'error',
  from: { path: `^packages/${name}/src/` },
  to: {
    path: '^(packages|bench|examples|e2e)/',
    pathNot: [`^packages/(${[name, ...may].join('|')})/`, TEST_AUTHORITY],
  },
}));

export default {
  forbidden: [
    ...arrows,
    {
      name: 'layer-unknown',
      comment: 'A new package needs a row in the table of arrows before anything may import it.',
      severity: 'error',
      from: { path: '^packages/', pathNot: `^packages/(${Object.keys(ARROWS).join('|')})/` },
      to: { path: '^packages/' },
    },
    {
      name: 'programs-stay-apart',
      comment: 'Programs meet over the wire. What two of them need belongs into a mechanism package.',
      severity: 'error',
      from: { path: '^(packages/([^/]+)|bench|examples|e2e)/', pathNot: TESTS },
      to: { path: '^packages/(ztunnel|waypoint|istiod-lite)/', pathNot: '^packages/$2/' },
    },
    {
      name: 'images-pack-and-import-nothing',
      comment: 'What is packed is read from its folder; code of it would run on the machine that builds.',
      severity: 'error',
      from: { path: '^images/', pathNot: TESTS },
      to: { path: '^(packages|bench|examples|e2e)/', pathNot: '^packages/core/' },
    },
    {
      name: 'examples-know-no-mesh',
      comment: 'The sample services are what users bring: they must run without us.',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^(packages|bench)/' },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or a third is missing.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'internal-is-private',
      comment: 'A folder named internal belongs to its package alone.',
      severity: 'error',
      from: { path: '^((?:packages|examples)/[^/]+|bench)/' },
      to: { path: '/internal/', pathNot: '^$1/' },
    },
    {
      name: 'ffi-in-native-only',
      comment: 'Foreign functions are memory-unsafe: one small package holds them, with its self-test and leak test.',
      severity: 'error',
      from: { pathNot: '^packages/native/' },
      to: { path: '(^|/)koffi(/|$)|^node:ffi$' },
    },
    {
      name: 'one-kubernetes-client',
      comment:
        'packages/kube is the client: the official one costs every process that imports it 65 MB (docs/adr/0015).',
      severity: 'error',
      from: {},
      to: { path: '(^|/)@kubernetes/client-node(/|$)' },
    },
    {
      name: 'test-tools-in-tests-only',
      comment: 'An authority that signs whatever it is asked, and its like, must be out of reach of the programs.',
      severity: 'error',
      from: { path: '^packages/', pathNot: [TESTS, '^packages/local/'] },
      to: { path: '/test-[^/]+[.]ts$' },
    },
    {
      name: 'pure-packages-do-no-io',
      comment:
        'Codecs, model and translation are functions of their input; that is what makes them testable and shared.',
      severity: 'error',
      from: { path: '^packages/(http|mesh|translation)/src/', pathNot: TESTS },
      to: {
        dependencyTypes: ['core'],
        path: '^(node:)?(fs|net|tls|http|http2|https|dgram|dns|child_process|cluster|worker_threads)(/|$)',
      },
    },
    {
      name: 'data-path-without-streams',
      comment: 'Node streams between the kernel and the proxy cost more than the proxy; the reactor owns every socket.',
      severity: 'error',
      from: { path: '^packages/(reactor|hbone)/src/|^packages/ztunnel/src/(data|dns)/', pathNot: TESTS },
      to: { dependencyTypes: ['core'], path: '^(node:)?(net|tls|http|http2|https|dgram|stream|dns)(/|$)' },
    },
    {
      name: 'everything-resolves',
      comment: 'An import that leads nowhere fails at run time.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-test-from-product',
      comment: 'What ships does not lean on its tests.',
      severity: 'error',
      from: { path: '/src/', pathNot: TESTS },
      to: { path: '[.]test[.]ts$' },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules'] },
    exclude: { path: ['/dist/', '/bundle/', '/gen/'] },
    tsPreCompilationDeps: true,
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['development', 'import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
    reporterOptions: { text: { highlightFocused: true } },
  },
};
