"""The hall as Gymnasium environments; no equation of heat or mass stands here."""
