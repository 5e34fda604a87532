/**
 * Makes a host of a fresh set of namespaces. Arguments: the host's folder, its name, its address, the image of its disk, where that is mounted, and the lab's hosts file.
 * Control groups are mounted anew, so that the engine sees the host's own and no others. Names are looked up nowhere, which fails at once; forwarding is on before
 * the engine starts, which would otherwise close it for what it does not know. There is no route to anywhere but the lab.
 */
export const HOST_SET_UP = `folder=$1 name=$2 address=$3 disk=$4 data=$5 hosts=$6
hostname "$name"
mount -t tmpfs tmpfs /run
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
mkdir -p /etc/docker
mount -t tmpfs tmpfs /etc/docker
echo 'nameserver 127.0.0.1' > "$folder/resolv.conf"
mount --bind "$folder/resolv.conf" "$(readlink -f /etc/resolv.conf)"
mount --bind "$hosts" /etc/hosts
mount -o loop "$disk" "$data"
echo 1 > /proc/sys/net/ipv4/ip_forward
ip link set lo up
`;
