import { builtinModules } from 'node:module';
import tseslint from 'typescript-eslint';

/** Where time, randomness and the environment may be read directly: at the outer edge, and in what measures or tests. */
const EDGES = [
  'packages/core/**',
  '**/main.ts',
  'packages/ztunnel/src/proxy.ts',
  'packages/istiod-lite/src/sweep.ts',
  'packages/cni/src/unenrol.ts',
  '**/{worker,control-worker}.ts',
  '**/*.test.ts',
  '**/test-*.ts',
  'examples/**',
  'bench/**',
  'e2e/src/{mesh,programs}/**',
  'scripts/**',
  '*.config.*',
];

const CLOCK = 'Take a Clock from @ambit/core/clock: time is a parameter, so that tests can turn it.';
const ENVIRONMENT = 'Read it once in main.ts with readEnvironment of @ambit/core/environment.';

export default tseslint.config(
  { ignores: ['**/node_modules/**', '**/dist/**', '**/bundle/**', '**/gen/**', '**/.cache/**'] },
  // Where a rule does not hold, the rule changes, for everybody to see: no comment switches one off.
  { linterOptions: { noInlineConfig: true } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'max-lines': ['error', { max: 500 }],
      'no-console': 'error',
      'no-var': 'error',
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx', 'hack'], location: 'anywhere' }],
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'no-restricted-imports': [
        'error',
        {
          paths: builtinModules
            .filter((name) => !name.startsWith('_'))
            .map((name) => ({ name, message: `Write node:${name}.` })),
        },
      ],

      // A promise that nobody watches is a crash or a leak.
      '@typescript-eslint/no-floating-promises': ['error', { checkThenables: true }],
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',

      // What the compiler refuses is mended, in tests too.
      '@typescript-eslint/ban-ts-comment': ['error', { 'ts-expect-error': true }],
      '@typescript-eslint/consistent-type-exports': 'error',
      // An import of types alone must vanish: the inline form leaves an import that loads the module.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
    },
  },
  {
    files: ['**/*.ts'],
    ignores: EDGES,
    rules: {
      'no-restricted-globals': ['error', ...['setTimeout', 'setInterval'].map((name) => ({ name, message: CLOCK }))],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: CLOCK },
        { object: 'performance', property: 'now', message: CLOCK },
        { object: 'process', property: 'hrtime', message: CLOCK },
        { object: 'process', property: 'env', message: ENVIRONMENT },
        { object: 'Math', property: 'random', message: 'Take the source of randomness as a parameter.' },
        ...['setTimeout', 'setInterval'].map((property) => ({ object: 'globalThis', property, message: CLOCK })),
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: CLOCK },
        { selector: 'ImportDeclaration[source.value=/^node:timers/]', message: CLOCK },
      ],
    },
  },
  {
    files: [
      '**/main.ts',
      'packages/ztunnel/src/proxy.ts',
      'examples/**',
      'bench/**',
      'packages/local/**',
      '**/*.test.ts',
    ],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/*.test.ts'],
    rules: {
      // expect(object.method) names a method without calling it.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // Belongs to no package, and is checked by tsc through tsconfig.tools.json.
    files: ['*.config.ts'],
    extends: [tseslint.configs.disableTypeChecked],
  },
);
