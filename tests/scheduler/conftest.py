import uvloop


def pytest_asyncio_loop_factories():
    """What runs in production runs in the tests."""
    return {"uvloop": uvloop.new_event_loop}
