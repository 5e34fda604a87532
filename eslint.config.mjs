import tseslint from 'typescript-eslint';

const worldReaders = [
  { object: 'Date', property: 'now', message: 'Take the time as a parameter; only adapters read a clock.' },
  { object: 'Math', property: 'random', message: 'Take a Random as a parameter; only adapters draw one.' },
  { object: 'performance', property: 'now', message: 'Take the time as a parameter; only adapters read a clock.' },
];
const worldGlobals = ['setTimeout', 'setInterval', 'setImmediate', 'process', 'performance', 'fetch'].map((name) => ({
  name,
  message: 'Decide purely, act at the edge: take it through a port.',
}));

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**', '**/*.mjs', '**/*.cjs'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
      eqeqeq: 'error',
      'prefer-const': 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['protocol/**', 'daemon/core/**', 'daemon/peer/**', 'daemon/api/**', 'daemon/ports/**'],
    rules: { 'no-restricted-properties': ['error', ...worldReaders], 'no-restricted-globals': ['error', ...worldGlobals] },
  },
  {
    files: ['test/**'],
    rules: {
      'max-lines-per-function': 'off',
      'no-console': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  { files: ['*.config.ts', 'cli/**', 'daemon/app/**'], rules: { 'no-console': 'off' } },
  { files: ['vitest.config.ts', 'vitest.e2e.config.ts', 'vitest.lab.config.ts'], rules: { 'no-restricted-exports': 'off' } },
);
