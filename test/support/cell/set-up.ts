/**
 * First part of what makes a cell ready for an engine; `$folder` is the cell's. Control groups are mounted anew, so that the engine sees the cell's own and no others.
 * Names are looked up nowhere, which fails at once.
 */
export const ENGINE_SET_UP = `mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /dev/shm
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /sys/fs/cgroup
while IFS=: read -r id names path; do
  case $names in
    '') continue ;;
    name=*) options=none,$names; target=\${names#name=} ;;
    *) options=$names; target=$names ;;
  esac
  mkdir "/sys/fs/cgroup/$target"
  mount -t cgroup -o "$options" cgroup "/sys/fs/cgroup/$target"
done < /proc/self/cgroup
if [ -z "$(ls /sys/fs/cgroup)" ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  sed -e 's/ / +/g' -e 's/^/+/' /sys/fs/cgroup/cgroup.controllers > /sys/fs/cgroup/cgroup.subtree_control
fi
if [ -d /etc/docker ]; then mount -t tmpfs tmpfs /etc/docker; fi
if [ -d /opt/containerd ]; then mount -t tmpfs tmpfs /opt/containerd; fi
echo 'nameserver 127.0.0.1' > "$folder/resolv.conf"
mount --bind "$folder/resolv.conf" "$(readlink -f /etc/resolv.conf)"
ip link set lo up
`;
