"""How close the store is to recordings of a real one; the figure must not fall."""

from pathlib import Path

from oms.shopify.sandbox.replay import replay_folder, summary

CAPTURES = Path(__file__).parents[2] / "data" / "shopify_captures"
README = Path(__file__).parents[3] / "oms" / "shopify" / "sandbox" / "README.md"


def test_recorded_exchanges_agree_as_often_as_the_readme_says():
    figures = summary(replay_folder(CAPTURES))
    assert figures["exchanges"] == 1207
    assert figures["agree"] >= 573
    assert figures["mutations"] == 453
    assert figures["mutations_agree"] >= 323
    text = README.read_text()
    assert f"**{figures['agree']} of {figures['exchanges']}**" in text
    assert f"**{figures['mutations_agree']} of {figures['mutations']}**" in text
    for root in ("orderCreate", "returnRequest", "returnProcess", "fulfillmentOrderHold"):
        counts = figures["roots"][root]
        assert counts["agree"] == counts["all"], root
