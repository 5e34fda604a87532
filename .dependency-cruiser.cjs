/** Imports run one way; ARCHITECTURE.md draws it. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  comment: `${from} may import ${allowed.join(', ')} only`,
  from: { path: `^${from}/` },
  to: { path: '^(protocol|daemon|cli|test)/', pathNot: allowed.map((folder) => `^${folder}/`) },
});

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: { path: '^(protocol|daemon|cli)/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    only('protocol-alone', 'protocol', ['protocol']),
    only('cli-speaks-through-the-api', 'cli', ['cli', 'protocol']),
    only('ports-are-interfaces', 'daemon/ports', ['daemon/ports', 'daemon/core', 'protocol']),
    {
      name: 'ports-take-types-of-core',
      severity: 'error',
      from: { path: '^daemon/ports/' },
      to: { path: '^daemon/core/', dependencyTypesNot: ['type-only'] },
    },
    only('core-is-pure', 'daemon/core', ['daemon/core', 'daemon/ports', 'protocol']),
    {
      name: 'core-takes-types-of-ports',
      severity: 'error',
      from: { path: '^daemon/core/' },
      to: { path: '^daemon/ports/', dependencyTypesNot: ['type-only'] },
    },
    only('peer-has-no-adapters', 'daemon/peer', ['daemon/peer', 'daemon/core', 'daemon/ports', 'protocol']),
    only('api-has-no-adapters', 'daemon/api', ['daemon/api', 'daemon/core', 'daemon/ports', 'protocol']),
    only('adapters-know-ports', 'daemon/adapters', ['daemon/adapters', 'daemon/ports', 'protocol']),
    { name: 'no-test-in-product', severity: 'error', from: { path: '^(protocol|daemon|cli)/' }, to: { path: '^test/' } },
    {
      name: 'core-and-protocol-do-no-io',
      severity: 'error',
      from: { path: '^(protocol|daemon/core|daemon/peer)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|util|buffer)$' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^dist/|node_modules)' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.json'] },
  },
};
