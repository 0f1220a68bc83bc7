"""One ASGI application on Starlette, put together of parts: what plain requests are answered by."""

from starlette.applications import Starlette

from mishkah.http.gateway import Application
from mishkah.rest import routes as rest
from mishkah.site import health, landing, metrics
from mishkah.site.files import Files
from mishkah.site.headers import Headed
from mishkah.site.paced import Paced
from mishkah.site.packaged import Packaged
from mishkah.site.premises import Premises


def make_site(house: Premises) -> Application:
    """Return the application that serves *house*."""
    files, packaged = Files(house.catalog.data), Packaged()
    app = Starlette(
        routes=[
            *health.routes(house),
            *metrics.routes(house),
            *rest.routes(house),
            *packaged.routes(),
            *landing.routes(house, files, packaged),
        ]
    )
    app.router.default = files  # it has whatever path nobody else has
    return metrics.Counting(Headed(Paced(app, house.rates, house.tally)), house.tally)
