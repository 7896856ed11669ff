"""Texts as kernels wrote them become figures; what is missing is None, never 0."""

from __future__ import annotations

from runtime.cgroups import readings
from runtime.usage import BlockIo, Cpu, Link, Memory, Pids, Pressure, Traffic, Waiting

CPU_STAT_V2 = """usage_usec 4210379
user_usec 3120045
system_usec 1090334
nice_usec 0
core_sched.force_idle_usec 0
nr_periods 112
nr_throttled 40
throttled_usec 2150771
nr_bursts 0
burst_usec 0
"""
CPU_STAT_V2_CONTROLLER_OFF = """usage_usec 4210379
user_usec 3120045
system_usec 1090334
"""
CPU_STAT_V1 = """nr_periods 90
nr_throttled 12
throttled_time 812345678
nr_bursts 0
burst_time 0
"""
MEMORY_STAT_V2 = """anon 1024000
file 4096000
kernel 512000
kernel_stack 32768
pagetables 90112
sock 0
shmem 0
inactive_anon 1000000
active_anon 24000
inactive_file 3000000
active_file 1096000
slab 204800
"""
MEMORY_EVENTS = """low 0
high 0
max 17
oom 2
oom_kill 1
oom_group_kill 0
"""
MEMORY_STAT_V1 = """cache 9363456
rss 10268672
inactive_file 24576
hierarchical_memory_limit 67108864
hierarchical_memsw_limit 67108864
total_cache 19363456
total_rss 118620160
total_swap 4096
total_inactive_file 15437312
total_active_file 3926144
"""
OOM_CONTROL = """oom_kill_disable 0
under_oom 0
oom_kill 3
"""
IO_STAT = """8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0
8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=50331648 dios=3021
7:0
"""
BLKIO_BYTES = """8:0 Read 4096
8:0 Write 8192
8:0 Sync 8192
8:0 Async 4096
8:0 Discard 0
8:0 Total 12288
253:1 Read 512
253:1 Write 0
253:1 Sync 512
253:1 Async 0
253:1 Discard 0
253:1 Total 512
Total 12800
"""
BLKIO_OPERATIONS = """8:0 Read 1
8:0 Write 2
8:0 Sync 2
8:0 Async 1
8:0 Discard 0
8:0 Total 3
Total 3
"""
NET_DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 111500353    9883    0    0    0     0          0         0 111500353    9883    0    0    0     0       0          0
  eth0: 299271821    7586    1    2    0     0          0         0   442289    4799    3    4    0     0       0          0
 eth1:2: 5 1 0 0 0 0 0 0 7 2 0 0 0 0 0 0
"""  # noqa: E501
PRESSURE = """some avg10=1.50 avg60=0.25 avg300=0.05 total=1345678
full avg10=0.00 avg60=0.00 avg300=0.00 total=12
"""


def test_time_and_throttling_of_v2() -> None:
    assert readings.cpu_v2({"cpu.stat": CPU_STAT_V2}) == Cpu(
        usage_ns=4_210_379_000,
        user_ns=3_120_045_000,
        system_ns=1_090_334_000,
        periods=112,
        throttled_periods=40,
        throttled_ns=2_150_771_000,
    )


def test_without_its_controller_v2_tells_time_and_no_throttling() -> None:
    cpu = readings.cpu_v2({"cpu.stat": CPU_STAT_V2_CONTROLLER_OFF})

    assert cpu.usage_ns == 4_210_379_000
    assert (cpu.periods, cpu.throttled_periods, cpu.throttled_ns) == (None, None, None)


def test_time_and_throttling_of_v1() -> None:
    accounted = {"cpuacct.usage": "382561975729\n", "cpuacct.stat": "user 28221\nsystem 10034\n"}

    assert readings.cpu_v1(accounted, {"cpu.stat": CPU_STAT_V1}) == Cpu(
        usage_ns=382_561_975_729,
        user_ns=282_210_000_000,
        system_ns=100_340_000_000,
        periods=90,
        throttled_periods=12,
        throttled_ns=812_345_678,
    )


def test_memory_of_v2() -> None:
    texts = {
        "memory.current": "5632000\n",
        "memory.max": "67108864\n",
        "memory.stat": MEMORY_STAT_V2,
        "memory.swap.current": "0\n",
        "memory.events": MEMORY_EVENTS,
    }

    assert readings.memory_v2(texts) == Memory(
        usage_bytes=5_632_000,
        working_set_bytes=2_632_000,
        limit_bytes=67_108_864,
        swap_bytes=0,
        kernel_bytes=512_000,
        cache_bytes=4_096_000,
        oom_kills=1,
    )


def test_memory_of_v1_counts_what_is_below_the_group() -> None:
    texts = {
        "memory.usage_in_bytes": "20000000\n",
        "memory.stat": MEMORY_STAT_V1,
        "memory.kmem.usage_in_bytes": "700000\n",
        "memory.oom_control": OOM_CONTROL,
    }

    assert readings.memory_v1(texts) == Memory(
        usage_bytes=20_000_000,
        working_set_bytes=4_562_688,
        limit_bytes=67_108_864,
        swap_bytes=4096,
        kernel_bytes=700_000,
        cache_bytes=19_363_456,
        oom_kills=3,
    )


def test_no_limit_is_none_on_both_versions() -> None:
    endless = {"memory.stat": "hierarchical_memory_limit 9223372036854771712\n"}

    assert readings.memory_v1(endless).limit_bytes is None
    assert readings.memory_v2({"memory.max": "max\n"}).limit_bytes is None
    assert readings.pids({"pids.current": "3\n", "pids.max": "max\n"}) == Pids(current=3)


def test_files_that_a_kernel_does_not_have_leave_their_figures_out() -> None:
    assert readings.memory_v2({}) == Memory()
    assert readings.memory_v1({}) == Memory()
    assert readings.cpu_v1({}, {}) == Cpu()
    assert readings.cpu_v2({}) == Cpu()
    assert readings.pids({}) is None
    assert readings.io_v1({}) is None
    assert readings.io_v2({}) is None
    assert readings.pressure({}) == {}


def test_block_io_of_v2_by_device_and_in_all() -> None:
    assert readings.io_v2({"io.stat": IO_STAT}) == BlockIo(
        total=Traffic(
            read_bytes=91_889_664,
            write_bytes=613_781_504,
            read_operations=9142,
            write_operations=1605,
        ),
        devices={
            "8:16": Traffic(
                read_bytes=1_459_200,
                write_bytes=314_773_504,
                read_operations=192,
                write_operations=353,
            ),
            "8:0": Traffic(
                read_bytes=90_430_464,
                write_bytes=299_008_000,
                read_operations=8950,
                write_operations=1252,
            ),
        },
    )


def test_block_io_of_v1_by_device_and_in_all() -> None:
    texts = {
        "blkio.throttle.io_service_bytes_recursive": BLKIO_BYTES,
        "blkio.throttle.io_serviced_recursive": BLKIO_OPERATIONS,
    }

    told = readings.io_v1(texts)

    assert told is not None
    assert told.total == Traffic(
        read_bytes=4608, write_bytes=8192, read_operations=1, write_operations=2
    )
    assert told.devices["253:1"] == Traffic(read_bytes=512)


def test_a_group_that_used_no_device_has_a_measured_nothing() -> None:
    assert readings.io_v2({"io.stat": ""}) == BlockIo(total=Traffic(), devices={})
    empty = {"blkio.throttle.io_service_bytes_recursive": "Total 0\n"}
    assert readings.io_v1(empty) == BlockIo(total=Traffic(), devices={})


def test_the_network_in_all_is_all_but_the_loopback() -> None:
    told = readings.network(NET_DEV)

    assert set(told.interfaces) == {"lo", "eth0", "eth1:2"}
    assert told.interfaces["eth0"] == Link(
        received_bytes=299_271_821,
        received_packets=7586,
        received_errors=1,
        received_drops=2,
        sent_bytes=442_289,
        sent_packets=4799,
        sent_errors=3,
        sent_drops=4,
    )
    assert (told.total.received_bytes, told.total.sent_packets) == (299_271_826, 4801)


def test_pressure_by_resource() -> None:
    told = readings.pressure(
        {"memory.pressure": PRESSURE, "cpu.pressure": PRESSURE.splitlines()[0]}
    )

    assert told["memory"] == Pressure(
        some=Waiting(avg10=1.5, avg60=0.25, avg300=0.05, total_microseconds=1_345_678),
        full=Waiting(avg10=0.0, avg60=0.0, avg300=0.0, total_microseconds=12),
    )
    assert told["cpu"].full is None
