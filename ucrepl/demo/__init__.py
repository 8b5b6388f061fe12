"""`ucrepl demo`: two throw-away Odoo-shaped databases, linked both ways by ucrepl as any user would do it.

From the top down:

    perform.py   a performance: from the making of the stage to its end
    story.py     the acts, in the order in which they are told
    stage.py     what they are played on: servers, databases, the configuration; program.py: ucrepl itself
    crew.py      the people of a site, with office.py: what they do, and orm.py: how Odoo writes it down
    probe.py     how long a change takes to the other side
    observe.py   the state of the links, and the ids that customers have on either side
    compare.py   both databases row by row through the identity map
    guide.py     how to look around on a stage that is kept
    show.py      live or in lines, with scene.py: what there is to see, and view.py: how it looks
"""
