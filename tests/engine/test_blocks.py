import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.engine.blocks import BLOCK_SIZE, BlockPool, BlockTable, Slots
from workbench.errors import CacheFull, EngineError


def pool_with(shared: int = 8) -> BlockPool:
    pool = BlockPool()
    pool.add_slab(shared, shared=True)
    return pool


def test_tokens_of_one_sequence_are_one_run_when_blocks_are_free_in_order():
    table = BlockTable(pool_with())
    table.append(300)
    table.append(400)
    assert table.segments() == [[Slots(0, 0, 700)]]
    assert len(table.blocks) == 3


def test_a_fork_shares_every_block_and_leaves_the_half_filled_one_alone():
    parent = BlockTable(pool_with())
    parent.append(300)
    child = parent.fork()
    slots = child.append(10)
    assert child.blocks[:2] == parent.blocks
    assert slots == [Slots(0, 2 * BLOCK_SIZE, 10)]
    assert parent.segments() == [[Slots(0, 0, 300)]]
    assert child.segments() == [[Slots(0, 0, 300)], [Slots(0, 2 * BLOCK_SIZE, 10)]]


def test_segments_are_cut_alike_wherever_the_blocks_lie():
    neat, torn = BlockTable(pool_with()), BlockTable(pool_with())
    other = BlockTable(torn.pool)
    for _ in range(3):
        neat.append(BLOCK_SIZE)
        torn.append(BLOCK_SIZE)
        other.append(BLOCK_SIZE)
    lengths = [[sum(run.num_tokens for run in segment) for segment in t.segments()] for t in (neat, torn)]
    assert lengths[0] == lengths[1] == [3 * BLOCK_SIZE]
    assert len(torn.segments()[0]) == 3


def test_a_full_pool_says_so_and_changes_nothing():
    table = BlockTable(pool_with(2))
    table.append(100)
    with pytest.raises(CacheFull, match="2 blocks"):
        table.append(2 * BLOCK_SIZE)
    assert table.num_tokens == 100
    assert table.pool.num_used == 1


def test_a_slab_is_forgotten_when_its_last_block_comes_back():
    pool = pool_with()
    slab = pool.add_slab(2, shared=False)
    table = BlockTable(pool, slab)
    table.append(2 * BLOCK_SIZE)
    fork = table.fork()
    assert table.close() == []
    assert fork.close() == [slab]
    assert pool.num_blocks == 8


def test_a_free_block_cannot_be_released_or_shared():
    pool = pool_with()
    block = pool.allocate(None)
    pool.allocate(None)
    pool.release(block)
    with pytest.raises(EngineError):
        pool.release(block)
    with pytest.raises(EngineError):
        pool.retain(block)


@given(st.lists(st.tuples(st.sampled_from(["append", "fork", "close", "truncate"]), st.integers(1, 900)), max_size=40))
def test_used_and_free_are_all_after_any_schedule(schedule: list[tuple[str, int]]):
    pool = pool_with(32)
    keeper = pool.allocate(None)  # so that the slab is never forgotten
    tables = [BlockTable(pool)]
    for action, number in schedule:
        table = tables[number % len(tables)]
        if action == "append":
            before = table.num_tokens
            try:
                table.append(number)
            except CacheFull:
                assert table.num_tokens == before
        elif action == "fork":
            tables.append(table.fork())
        elif action == "truncate":
            table.truncate(min(number, table.num_tokens))
        else:
            table.close()
        assert pool.num_used + pool.num_free == pool.num_blocks == 32
        assert sum(run.num_tokens for segment in table.segments() for run in segment) == table.num_tokens
        held = [block for each in tables for block in each.blocks]
        assert all(pool.count(block) == held.count(block) for block in set(held))
        assert pool.num_used == len({*held, keeper})
    for table in tables:
        table.close()
    assert pool.num_used == 1
