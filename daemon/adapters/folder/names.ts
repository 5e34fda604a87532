const EXTENSIONS = ['.yaml', '.yml', '.json'];

/** Whether a file's name says that it is a manifest, and not something hidden or an editor's temporary file (`.x.swp`, `x~`, `#x#`, `4913`). */
export function isManifestName(name: string): boolean {
  if (name.startsWith('.') || name.startsWith('#') || name.startsWith('~') || name.endsWith('~')) return false;
  return EXTENSIONS.some((extension) => name.toLowerCase().endsWith(extension));
}

/** Hidden folders hold no manifests (`.git`; `..data` of a mounted ConfigMap). */
export function isManifestFolderName(name: string): boolean {
  return !name.startsWith('.');
}
