/**
 * Kubelet's verifyRunAsNonRoot. @param imageUser `UID`, `UID:GID` or a name; empty is root
 * @returns why it must not run
 */
export function rootRefusal({ nonRootFor, runAsUser }: { nonRootFor?: string; runAsUser?: number }, imageUser: string): string | undefined {
  if (nonRootFor === undefined) return undefined;
  if (runAsUser !== undefined) return runAsUser === 0 ? `container's runAsUser breaks non-root policy ${nonRootFor}` : undefined;
  const [user = ''] = imageUser.split(':');
  if (user === '' || user === '0') return `container has runAsNonRoot and image will run as root ${nonRootFor}`;
  if (/^[0-9]+$/.test(user)) return undefined;
  return `container has runAsNonRoot and image has non-numeric user (${user}), cannot verify user is non-root ${nonRootFor}`;
}
