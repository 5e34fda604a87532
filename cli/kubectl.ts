/** Commands of kubectl that people type here and that `kith` leaves to it. */
const LEFT_TO_KUBECTL: ReadonlySet<string> = new Set([
  ...[
    'api-resources',
    'api-versions',
    'auth',
    'autoscale',
    'certificate',
    'cluster-info',
    'debug',
    'diff',
    'edit',
    'events',
    'explain',
    'expose',
  ],
  ...['kustomize', 'patch', 'pause', 'proxy', 'replace', 'resume', 'set', 'taint', 'top', 'wait'],
]);

/** What to do instead, for the end of an error. */
export function askKubectl(words: string): string {
  return `"kubectl ${words}" does, at any peer: kith kubeconfig > ~/.kube/config`;
}

/** The error of an unknown command, with what to do instead where kubectl knows it: what merely looks like it is no help then. */
export function explainUnknown(text: string): string {
  const [, word] = /^error: unknown command '([^']*)'/.exec(text) ?? [];
  if (word === undefined || !LEFT_TO_KUBECTL.has(word)) return text;
  return `error: kith has no command '${word}': ${askKubectl(word === 'pause' || word === 'resume' ? `rollout ${word}` : word)}\n`;
}
