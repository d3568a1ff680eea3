# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Bash completion of the tool ouro: source it, or copy it to /usr/share/bash-completion/completions/ouro.

_ouro_commands="list top stat why leaks growth retained sites audit collector arenas graph plot record snapshot diff"

# Options of a command; those that take a value end in '='.
_ouro_options()	# COMMAND
{
	printf '%s\n' --help --json --root=
	case $1 in
	'')		;;
	list)		echo --names ;;
	top)		printf '%s\n' --once --sort= -s= --delay= -d= ;;
	growth)		printf '%s\n' --mark --watch= ;;
	sites)		printf '%s\n' --set= --every= ;;
	arenas)		echo --svg= ;;
	graph)		printf '%s\n' --type= --from= --depth= --max= --svg= ;;
	plot)		printf '%s\n' --from= --seconds= --interval= --svg= ;;
	record)		printf '%s\n' --seconds= --interval= ;;
	snapshot)	echo --quick ;;
	esac
}

_ouro_offer()	# WORDS...: those that start with what is typed
{
	local word

	for word; do
		[[ $word != "$cur"* ]] || COMPREPLY+=("$word")
	done
}

_ouro_names()	# [HEAP]: the heaps, or the types of one, as the tool says
{
	local line

	while read -r line; do
		_ouro_offer "$line"
	done < <("${COMP_WORDS[0]}" "${root[@]}" list --names "$@" 2>/dev/null)
}

_ouro_files()
{
	local line

	while read -r line; do
		[[ ! -d $line ]] || line+=/
		COMPREPLY+=("$line")
	done < <(compgen -f -- "$cur")
	compopt -o nospace 2>/dev/null || :
	[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} = */ ]] || compopt +o nospace 2>/dev/null || :
}

_ouro_value()	# COMMAND OPTION HEAP
{
	case $1:$2 in
	sites:--set)		_ouro_offer off caller stack ;;
	graph:--type)		[[ -z $3 ]] || _ouro_names "$3" ;;
	*:--root|*:--svg|plot:--from)	_ouro_files ;;
	top:--sort|top:-s)
		if [[ -n $3 ]]; then
			_ouro_offer name size live bytes pools allocs/s frees/s
		else
			_ouro_offer name live bytes held used arenas allocs/s failed misuse
		fi ;;
	esac
}

_ouro_place()	# COMMAND PLACE HEAP: what stands there, counted from 0
{
	case $1:$2 in
	:0)			read -ra words <<<"$_ouro_commands"; _ouro_offer "${words[@]}" ;;
	snapshot:0|diff:[01])	_ouro_files ;;
	snapshot:*|diff:*)	;;
	*:0)			_ouro_names ;;
	why:1)			_ouro_names "$3" ;;
	record:1)		_ouro_files ;;
	esac
}

_ouro()
{
	local cur=${COMP_WORDS[COMP_CWORD]} word command='' value='' heap='' place=0 i root=() words=()

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ -n $value ]]; then
			# Bash takes --root=x apart.
			[[ $word != = ]] || continue
			[[ $value != --root ]] || root=(--root "${word/#\~/$HOME}")
			value=
		elif [[ $word = -* ]]; then
			[[ -z $(_ouro_options "$command" | grep -Fxe "$word=") ]] || value=$word
		elif [[ -z $command ]]; then
			command=$word
		else
			[[ $place -gt 0 ]] || heap=$word
			place=$((place + 1))
		fi
	done
	if [[ -n $value ]]; then
		[[ $cur != = ]] || cur=
		_ouro_value "$command" "$value" "$heap"
	elif [[ $cur = -* ]]; then
		while read -r word; do
			_ouro_offer "${word%=}"
		done < <(_ouro_options "$command")
	else
		_ouro_place "$command" $((place)) "$heap"
	fi
}

complete -F _ouro ouro scripts/ouro
