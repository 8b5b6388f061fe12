"""The files of attachments: brought before their rows are written, directly or through the source's database."""
