// Bash splits words at colons and equals signs, too. So the line is split here, and what bash believes to be an earlier word is
// cut off again. What comes from the engine is never evaluated: it is read line by line.
const bash = `_berth() {
  local line="\${COMP_LINE:0:COMP_POINT}" words reply current
  read -ra words <<<"$line"
  [[ "$line" == *[[:space:]] ]] && words+=("")
  current="\${words[\${#words[@]}-1]}"
  mapfile -t reply < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
  if [[ "$current" == *[:=]* ]]; then
    local before="\${current%"\${current##*[:=]}"}"
    reply=("\${reply[@]#"$before"}")
  fi
  COMPREPLY=("\${reply[@]}")
}
complete -o bashdefault -o default -F _berth berth
`;

const zsh = `#compdef berth
_berth() {
  local -a reply
  reply=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  reply=("\${(@)reply:#}")
  if (( \${#reply} )); then compadd -a reply; else _files; fi
}
compdef _berth berth
`;

const fish = `function __berth_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] __complete -- $words[2..-1] 2>/dev/null
end
complete -c berth -a '(__berth_complete)'
`;

/** What makes a shell complete, by shell. */
export const completionScripts: Readonly<Record<"bash" | "zsh" | "fish", string>> = { bash, zsh, fish };
