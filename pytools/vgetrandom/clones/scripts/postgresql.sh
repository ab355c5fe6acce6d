# Prints what gen_random_uuid() of a new PostgreSQL server returns, query after query, to one client.
set -e
echo "daemon:x:1:1::/:/bin/sh" > /etc/passwd	# the server refuses to run as root, and asks for its user's name
exec chroot --userspec=1:1 / /bin/sh -c '
	set -e
	programs=$(echo /usr/lib/postgresql/*/bin)
	folder=$(mktemp -d)
	if [ ! -d /tmp/cluster ]; then	# the second server takes a copy
		"$programs/initdb" -D /tmp/cluster -U daemon --auth=trust --no-locale --no-sync --wal-segsize=1 > "$folder/log" 2>&1 ||
			cat "$folder/log" >&2
	fi
	cp -a /tmp/cluster "$folder/data"
	"$programs/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off -c autovacuum=off \
		>> "$folder/log" 2>&1 &
	until "$programs/psql" -h "$folder" -c "" postgres 2> "$folder/refused"; do sleep 0.1; done
	yes "select gen_random_uuid();" | "$programs/psql" -h "$folder" -At postgres
'
