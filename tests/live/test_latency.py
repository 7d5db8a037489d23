from pipeline.live.loop import Latency


def test_the_median_the_95th_percentile_and_the_highest_are_told():
    latency = Latency()
    assert str(latency) == "no picture was shown"
    for number in range(101):
        latency.note(number / 1000, number // 10)
    assert str(latency) == "latency median 50 ms, 95 % of pictures within 95 ms, highest 100 ms (5 / 9 / 10 frames)"
