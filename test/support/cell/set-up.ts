/**
 * First part of what makes a cell ready for an engine; `$folder` is the cell's. Control groups are mounted anew, so that the engine sees the cell's own and no others: those of version 1 that the machine has mounted, or else version 2.
 * Names are looked up nowhere, which fails at once.
 */
export const ENGINE_SET_UP = `mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /dev/shm
mount -t sysfs sysfs /sys
mounted=$(sed -n 's/.* - cgroup [^ ]* //p' /proc/self/mountinfo | sort -u)
mount -t tmpfs tmpfs /sys/fs/cgroup
for options in $mounted; do
  kinds=
  for option in $(echo "$options" | tr , ' '); do
    case $option in
      name=*) kinds=none,$option ;;
      rw | ro | xattr | noprefix | clone_children | cpuset_v2_mode | favordynmods | release_agent=*) ;;
      *) kinds=\${kinds:+$kinds,}$option ;;
    esac
  done
  mkdir "/sys/fs/cgroup/\${kinds#none,name=}"
  mount -t cgroup -o "$kinds" cgroup "/sys/fs/cgroup/\${kinds#none,name=}"
done
if [ -z "$mounted" ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  sed -e 's/^./+&/' -e 's/ / +/g' /sys/fs/cgroup/cgroup.controllers > /sys/fs/cgroup/cgroup.subtree_control
fi
if [ -d /etc/docker ]; then mount -t tmpfs tmpfs /etc/docker; fi
if [ -d /opt/containerd ]; then mount -t tmpfs tmpfs /opt/containerd; fi
echo 'nameserver 127.0.0.1' > "$folder/resolv.conf"
mount --bind "$folder/resolv.conf" "$(readlink -f /etc/resolv.conf)"
ip link set lo up
`;
