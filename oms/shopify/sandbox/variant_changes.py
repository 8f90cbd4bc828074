"""productVariantsBulkUpdate, as far as it says whether a variant sells on when none is left."""

from oms.shopify.sandbox.errors import UnknownToSandbox, UserErrors, user_error
from oms.shopify.sandbox.lookup import find
from oms.shopify.sandbox.mutations import mutation

MODELLED = {"id", "inventoryPolicy"}


@mutation("productVariantsBulkUpdate")
def variants_bulk_update(context, productId, variants, media=None, allowPartialUpdates=False):
    for row in variants:
        for name in row:
            if name not in MODELLED:
                raise UnknownToSandbox(f"ProductVariantsBulkInput.{name}")
    product = find(context.store, "Product", productId)
    if product is None:
        message = "Product does not exist"
        raise UserErrors(user_error(["productId"], message, "PRODUCT_DOES_NOT_EXIST"))
    found, errors = [], []
    for position, row in enumerate(variants):
        variant = find(context.store, "ProductVariant", row.get("id"))
        if variant is None or variant["product_id"] != product["id"]:
            message = "Product variant does not exist"
            field = ["variants", str(position), "id"]
            errors.append(user_error(field, message, "PRODUCT_VARIANT_DOES_NOT_EXIST"))
        found.append((variant, row))
    if errors:
        raise UserErrors(*errors)
    for variant, row in found:
        if row.get("inventoryPolicy") not in (None, variant["inventory_policy"]):
            variant["inventory_policy"] = row["inventoryPolicy"]
            context.store.save(variant)
    context.store.save(product)
    context.events.emit("products/update", product)
    return {"product": product, "productVariants": [variant for variant, _ in found]}
