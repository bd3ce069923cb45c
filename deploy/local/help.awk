# Prints the Makefile's targets with their descriptions, under the headings that stand over them.
BEGIN { FS = ":.*## " }
/^## / { printf "\n%s\n", substr($0, 4) }
/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $1, $2 }
