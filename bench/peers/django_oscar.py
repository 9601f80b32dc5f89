"""django-oscar as it ships: offers and a basket on PostgreSQL, evaluated as its basket middleware does on each request.

`python django_oscar.py DATABASE_URL SECONDS` reads the work from stdin and prints the discount and how long it took.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit


class WithoutMigrations:
    """Creates every app's tables from its models, without their history."""

    def __contains__(self, app: str) -> bool:
        """All apps."""
        return True

    def __getitem__(self, app: str) -> None:
        """No migrations."""


def start(database_url: str) -> None:
    """Django is configured and the tables exist."""
    import django
    import oscar.defaults
    from django.conf import settings
    from django.core.management import call_command
    from oscar import INSTALLED_APPS

    place = urlsplit(database_url)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": place.path.lstrip("/"),
        "USER": place.username,
        "PASSWORD": place.password,
        "HOST": place.hostname,
        "PORT": place.port,
    }
    defaults = {name: getattr(oscar.defaults, name) for name in dir(oscar.defaults) if name.startswith("OSCAR_")}
    search = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
    settings.configure(
        **defaults,
        SECRET_KEY="for measurements only",
        DATABASES={"default": database},
        INSTALLED_APPS=INSTALLED_APPS,
        MIGRATION_MODULES=WithoutMigrations(),
        SITE_ID=1,
        USE_TZ=True,
        HAYSTACK_CONNECTIONS=search,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)


def store(work: dict[str, Any]) -> int:
    """The goods, the offers and the basket are stored; returns the basket's id."""
    from oscar.core.loading import get_model

    Basket, Line = get_model("basket", "Basket"), get_model("basket", "Line")
    Product, ProductClass = get_model("catalogue", "Product"), get_model("catalogue", "ProductClass")
    Partner, StockRecord = get_model("partner", "Partner"), get_model("partner", "StockRecord")
    kind = ProductClass.objects.create(name="goods", requires_shipping=False, track_stock=False)
    partner = Partner.objects.create(name="partner")
    prices = {line["sku"]: line["price"] for line in work["cart"]}
    for sku in sorted({sku for offer in work["offers"] for sku in offer["skus"]} | prices.keys()):
        product = Product.objects.create(title=sku, upc=sku, product_class=kind)
        price = Decimal(prices.get(sku, 100)) / 100
        StockRecord.objects.create(product=product, partner=partner, partner_sku=sku, price=price)
    products = {product.upc: product for product in Product.objects.all()}
    for offer in work["offers"]:
        store_offer(offer, [products[sku] for sku in offer["skus"]])
    basket = Basket.objects.create()
    for line in work["cart"]:
        product = products[line["sku"]]
        record = product.stockrecords.get()
        known = {"price_excl_tax": record.price, "price_incl_tax": record.price, "line_reference": line["sku"]}
        Line.objects.create(basket=basket, product=product, stockrecord=record, quantity=line["units"], **known)
    return int(basket.id)


def store_offer(offer: dict[str, Any], products: list[Any]) -> None:
    """One offer is stored with its condition, its benefit and their range of goods."""
    from oscar.core.loading import get_model

    Benefit, Condition = get_model("offer", "Benefit"), get_model("offer", "Condition")
    Range, RangeProduct = get_model("offer", "Range"), get_model("offer", "RangeProduct")
    ConditionalOffer = get_model("offer", "ConditionalOffer")
    name = f"offer {offer['number']}"
    goods = Range.objects.create(name=name)
    RangeProduct.objects.bulk_create(RangeProduct(range=goods, product=product) for product in products)
    value = Decimal(offer["value"])
    if offer["kind"] == "fixed":
        condition = {"type": Condition.VALUE, "value": Decimal(offer["min_minor"]) / 100}
        benefit = {"type": Benefit.FIXED_UNIT, "value": value / 100}
    else:
        condition = {"type": Condition.COUNT, "value": offer["min_units"]}
        benefit = {"type": Benefit.PERCENTAGE, "value": value} if offer["kind"] == "percent" else {}
        benefit = benefit or {"type": Benefit.MULTIBUY}
    ConditionalOffer.objects.create(
        name=name,
        condition=Condition.objects.create(range=goods, **condition),
        benefit=Benefit.objects.create(range=goods, **benefit),
    )


def measure(basket_id: int, seconds: float) -> dict[str, Any]:
    """Read and evaluate the basket repeatedly; returns the figures."""
    import oscar
    from oscar.core.loading import get_class, get_model

    Applicator, Selector = get_class("offer.applicator", "Applicator"), get_class("partner.strategy", "Selector")
    Basket = get_model("basket", "Basket")

    def evaluate() -> float:
        basket = Basket.objects.get(pk=basket_id)
        basket.strategy = Selector().strategy()
        Applicator().apply(basket)
        return float(100 * basket.total_discount)

    times: list[float] = []
    discount = evaluate()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < 3:
        begun = time.perf_counter()
        discount = evaluate()
        times.append(1000 * (time.perf_counter() - begun))
    times.sort()
    p50, p99 = (times[min(int(len(times) * share), len(times) - 1)] for share in (0.5, 0.99))
    version = ".".join(map(str, oscar.VERSION[:3]))
    return {"discount": discount, "p50_ms": p50, "p99_ms": p99, "rounds": len(times), "version": version}


if __name__ == "__main__":
    start(sys.argv[1])
    print(json.dumps(measure(store(json.load(sys.stdin)), float(sys.argv[2]))))
