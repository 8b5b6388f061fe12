"""What tests share: databases, Odoo's dumps and traffic, the command line, waiting."""
