# Does tasks with gio of GLib, whose FTP is that of gvfs; see script in libraries.go.
# It runs in a D-Bus session of its own. The packages of gvfs are unpacked to
# $GVFS, where its programs do not find one another by themselves.
host=$2 port=$3 user=$4 password=$5 directory=$6 patience=$7
case $host in *:*) host="[$host]" ;; esac
server="ftp://$user@$host:$port/"

export LD_LIBRARY_PATH="$(echo "$GVFS"/gvfs-libs/usr/lib/*/gvfs)"
export GIO_EXTRA_MODULES="$(echo "$GVFS"/gvfs/usr/lib/*/gio/modules)"
export GVFS_MOUNTABLE_DIR="$PWD/mounts"
mkdir mounts
sed "s|/usr/libexec|$GVFS/gvfs-backends&|" "$GVFS/gvfs-backends/usr/share/gvfs/mounts/ftp.mount" >mounts/ftp.mount
"$GVFS/gvfs-daemons/usr/libexec/gvfsd" --no-fuse >gvfsd.log 2>&1 &
gdbus wait --session --timeout "$patience" org.gtk.vfs.Daemon

mounted=
mount() {
	[ -z "$mounted" ] || return 0
	echo "$password" | timeout "$patience" gio mount "$server" && mounted=yes
}

# url prints the URL of a file in the directory. In the names of the tests, only
# blanks need to be encoded.
url() { echo "$server$directory/$1" | sed 's/ /%20/g'; }

perform() {
	case $1 in
	list) timeout "$patience" gio list "$(url)" >"$3" ;;
	get) timeout "$patience" gio copy "$(url "$2")" "$3" ;;
	put) timeout "$patience" gio copy "$3" "$(url "$2")" ;;
	esac
}

# The shell takes neighbouring tabs for one.
tr '\t' '|' | while IFS='|' read -r operation verb remote local offset; do
	if mount >said 2>&1 && perform "$verb" "$remote" "$local" >said 2>&1 </dev/null; then
		printf '%s\tok\n' "$operation"
	else
		printf '%s\tfailed: %s %s\n' "$operation" $? "$(tr '\n\t' '  ' <said)"
	fi
done
