# Sourced by scripts that fetch packages of other suites.

# Where this machine gets Debian's packages from: of apt's places the first whose Release says that it is Debian's, or else the first.
debian_mirror() {
  apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' | awk '
    /security/ { next }
    !first { first = $NF }
    $1 == "Debian" && !own { own = $NF }
    END { if (own) first = own; if (first) print first }'
}
