from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0007_owner_required'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='review',
            name='review_says_something',
        ),
        migrations.AddField(
            model_name='review',
            name='action',
            field=models.CharField(choices=[('review', 'Reviewed'), ('undo', 'Undone'), ('redo', 'Done again')], default='review', max_length=6),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('action', 'review'), ('withdraws__isnull', True)), models.Q(('action__in', ['undo', 'redo']), ('withdraws__isnull', False)), _connector='OR'), name='review_withdraws_by_undo_and_redo'),
        ),
    ]
