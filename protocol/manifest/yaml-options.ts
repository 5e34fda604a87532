import type { DocumentOptions, ParseOptions, ScalarTag, SchemaOptions, Tags } from 'yaml';
import { Scalar } from 'yaml';

/**
 * YAML as Kubernetes reads it (sigs.k8s.io/yaml, a YAML 1.1 reader with JSON's types), so that a file means here what it means there:
 * - `yes`, `no`, `on`, `off`, `y`, `n` are booleans, in any of their three spellings. Where text is wanted they are then refused by type, with the line, instead of
 *   silently becoming something else than in Kubernetes: quote them.
 * - `0644` is octal (as are `0o644`); `0x1f` is hexadecimal; `1_000` is text.
 * - `2001-01-01` stays text, and so does `12:30`: neither dates nor base 60.
 * - `<<` merges mappings.
 */
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  format: 'OCT11',
  test: /^[-+]?0[0-7]+$/,
  resolve: (text) => {
    const negative = text.startsWith('-');
    const value = parseInt(text.replace(/^[-+]/, ''), 8);
    return negative ? -value : value;
  },
};

const oldBoolean: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => new Scalar(/^(?:y|yes|on)$/i.test(text)),
};

export const YAML_OPTIONS: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.2',
  schema: 'core',
  // First come, first matched: an octal number would else be read as a decimal one.
  customTags: (tags: Tags): Tags => [octal, oldBoolean, ...tags],
  // Both checks compare each key with all others; the reader does them with a set.
  uniqueKeys: false,
  merge: false,
  prettyErrors: false,
  keepSourceTokens: false,
  logLevel: 'silent',
};
