import type { Container } from '../../../protocol/types.ts';
import type { PullPolicy } from './actions.ts';

/** The grammar of image references. Source: github.com/distribution/reference, regexp.go. */
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const HOST_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const HOST = `(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const REFERENCE = new RegExp(
  `^(?:${HOST}/)?${COMPONENT}(?:/${COMPONENT})*(?::[\\w][\\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{32,})?$`,
);
/** Characters of the name, as the reference grammar bounds it. */
const MAX_IMAGE_LENGTH = 4096;

/** Where images without a registry in their name come from. */
const DEFAULT_REGISTRY = 'docker.io';

/** Of a name, its registry and the path there, without tag and digest: `nginx:1` is `docker.io`, `library/nginx`. */
export function partsOfImage(image: string): { registry: string; path: string } {
  const [first = '', ...rest] = image.replace(/@.*$/, '').split('/');
  const isRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const path = (isRegistry ? rest : [first, ...rest]).join('/').replace(/:[^/]*$/, '');
  if (isRegistry && first !== DEFAULT_REGISTRY && first !== `index.${DEFAULT_REGISTRY}`) return { registry: first, path };
  return { registry: DEFAULT_REGISTRY, path: path.includes('/') ? path : `library/${path}` };
}

/** One name for all ways to write it. */
export function repositoryOf(image: string): string {
  const { registry, path } = partsOfImage(image);
  return `${registry}/${path}`;
}

export function isImageName(image: string): boolean {
  return image.length <= MAX_IMAGE_LENGTH && REFERENCE.test(image);
}

/** Kubelet's message for a name that can't be parsed. */
export function invalidImageMessage(image: string): string {
  return `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`;
}

/** The policy written in the spec; without one, Kubernetes' default by the tag. */
export function pullPolicyOf(container: Container): PullPolicy {
  const policy = container.imagePullPolicy;
  if (policy === 'Always' || policy === 'IfNotPresent' || policy === 'Never') return policy;
  const image = container.image ?? '';
  if (image.includes('@')) return 'IfNotPresent';
  const tag = /:([\w][\w.-]*)$/.exec(image)?.[1];
  return tag === undefined || tag === 'latest' ? 'Always' : 'IfNotPresent';
}
