"""The pages of the app, a module each with one function `page` that draws it."""
