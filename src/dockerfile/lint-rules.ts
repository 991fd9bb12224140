import { quoteGo } from "../formats/go-template/go-template-printf.ts";

/** What a rule is about, and how it puts what it has found. */
interface Rule {
  description: string;
  /** Only when asked for. */
  isExperimental?: true;
  detail(...words: string[]): string;
}

const meant = (prefix: string, suggestion: string | undefined) =>
  suggestion ? ` (did you mean ${prefix}${suggestion}?)` : "";

/** In BuildKit's words. */
export const lintRules = {
  StageNameCasing: {
    description: "Stage names should be lowercase",
    detail: (name) => `Stage name '${name}' should be lowercase`,
  },
  FromAsCasing: {
    description: "The 'as' keyword should match the case of the 'from' keyword",
    detail: (from, as) => `'${as}' and '${from}' keywords' casing do not match`,
  },
  NoEmptyContinuation: {
    description: "Empty continuation lines will become errors in a future release",
    detail: () => "Empty continuation line",
  },
  ConsistentInstructionCasing: {
    description: "All commands within the Dockerfile should use the same casing (either upper or lower)",
    detail: (keyword, casing) =>
      `Command '${keyword}' should match the case of the command majority (${casing})`,
  },
  DuplicateStageName: {
    description: "Stage names should be unique",
    detail: (name = "") => `Duplicate stage name ${quoteGo(name)}, stage names should be unique`,
  },
  ReservedStageName: {
    description: "Reserved words should not be used as stage names",
    detail: (name = "") => `Stage name should not use the same name as reserved stage ${quoteGo(name)}`,
  },
  JSONArgsRecommended: {
    description:
      "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    detail: (keyword) =>
      `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`,
  },
  MaintainerDeprecated: {
    description: "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    detail: () => "Maintainer instruction is deprecated in favor of using label",
  },
  UndefinedArgInFrom: {
    description: "FROM command must use declared ARGs",
    detail: (name, suggestion) => `FROM argument '${name}' is not declared${meant("", suggestion)}`,
  },
  WorkdirRelativePath: {
    description:
      "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
    detail: (path = "") =>
      `Relative workdir ${quoteGo(path)} can have unexpected results if the base image changes`,
  },
  UndefinedVar: {
    description: "Variables should be defined before their use",
    detail: (name, suggestion) => `Usage of undefined variable '$${name}'${meant("$", suggestion)}`,
  },
  MultipleInstructionsDisallowed: {
    description: "Multiple instructions of the same type should not be used in the same stage",
    detail: (keyword) =>
      `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`,
  },
  LegacyKeyValueFormat: {
    description: "Legacy key/value format with whitespace separator should not be used",
    detail: (keyword) =>
      `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`,
  },
  InvalidBaseImagePlatform: {
    description: "Base image platform does not match expected target platform",
    detail: (image, expected = "", actual = "") =>
      `Base image ${image} was pulled with platform ${quoteGo(actual)}, expected ${quoteGo(expected)} for current build`,
  },
  RedundantTargetPlatform: {
    description:
      "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    detail: (word) =>
      `Setting platform to predefined ${word} in FROM is redundant as this is the default behavior`,
  },
  SecretsUsedInArgOrEnv: {
    description: "Sensitive data should not be used in the ARG or ENV commands",
    detail: (keyword, name = "") =>
      `Do not use ARG or ENV instructions for sensitive data (${keyword} ${quoteGo(name)})`,
  },
  InvalidDefaultArgInFrom: {
    description: "Default value for global ARG results in an empty or invalid base image name",
    detail: (image) => `Default value for ARG ${image} results in empty or invalid base image name`,
  },
  FromPlatformFlagConstDisallowed: {
    description: "FROM --platform flag should not use a constant value",
    detail: (platform = "") => `FROM --platform flag should not use constant value ${quoteGo(platform)}`,
  },
  CopyIgnoredFile: {
    description: "Attempting to Copy file that is excluded by .dockerignore",
    isExperimental: true,
    detail: (keyword, file = "") =>
      `Attempting to ${keyword} file ${quoteGo(file)} that is excluded by .dockerignore`,
  },
  InvalidDefinitionDescription: {
    description:
      "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    isExperimental: true,
    detail: (keyword, name) => `Comment for ${keyword} should follow the format: \`# ${name} <description>\``,
  },
  ExposeProtoCasing: {
    description: "Protocol in EXPOSE instruction should be lowercase",
    detail: (port) => `Defined protocol '${port}' in EXPOSE instruction should be lowercase`,
  },
  ExposeInvalidFormat: {
    description:
      "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
    detail: (port) =>
      `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
  },
} satisfies Record<string, Rule>;

export type LintRule = keyof typeof lintRules;
